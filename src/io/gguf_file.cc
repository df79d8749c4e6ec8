#include "io/gguf_file.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/error.h"
#include "base/parallel.h"
#include "formats/gguf_tensors.h"
#include "io/quantized_blocks.h"
#include "kernels/bf16.h"

namespace qkv {
namespace {

constexpr int64_t kSlab = int64_t{1} << 16;  // values that a thread converts at a time; a multiple of a block

// Converts `count` values; false if the type has no place for one of them.
bool convert(std::string_view type, const float* from, int64_t count, char* to) {
  bool fits = true;
  const auto each = [&](auto* out, const auto& value_of) {
    for (int64_t i = 0; i < count; ++i) out[i] = value_of(from[i]);
  };
  const auto blocks = [&](auto* out) {
    fits = std::all_of(from, from + count, [](float value) { return std::isfinite(value); });
    for (int64_t i = 0; i < count && fits; i += static_cast<int64_t>(kBlock)) {
      out->pack(from + i);
      fits = !is_infinite(out->scale);
      ++out;
    }
  };
  if (type == "F32") each(reinterpret_cast<float*>(to), [](float value) { return value; });
  if (type == "BF16") each(reinterpret_cast<bf16*>(to), [](float value) { return to_bf16(value); });
  if (type == "F16") {
    each(reinterpret_cast<f16*>(to), [&](float value) {
      const f16 rounded = to_f16(value);
      fits &= !is_infinite(rounded) || !std::isfinite(value);
      return rounded;
    });
  }
  if (type == "Q8_0") blocks(reinterpret_cast<Q8Block*>(to));
  if (type == "Q4_0") blocks(reinterpret_cast<Q4Block*>(to));
  return fits;
}

std::vector<char> converted(const GgufOutput& output) {
  const GgufType& type = gguf_type(output.type);
  const Tensor exact = Tensor::empty(output.values.shape, DType::f32);
  QKV_CHECK(read_values(output.values, exact), "[gguf] {} is of type {}", output.name, output.values.dtype);
  std::vector<char> bytes(bytes_of(output));
  const float* values = exact.host<float>();
  const int64_t count = exact.numel();
  std::atomic<bool> fits = true;
  parallel_for((count + kSlab - 1) / kSlab, [&](int64_t slab) {
    const int64_t begin = slab * kSlab, size = std::min(kSlab, count - begin);
    if (!convert(type.name, values + begin, size, bytes.data() + begin / type.block * type.block_bytes)) fits = false;
  });
  if (!fits)
    fail(ErrorCode::invalid_argument, "tensor \"{}\" holds a value that {} cannot hold; write bf16 or f32", output.name, output.type);
  return bytes;
}

}  // namespace

TensorFile::Entries gguf_entries(const GgufMetadata& metadata) {
  TensorFile::Entries entries;
  for (const auto& [name, tensor] : read_gguf_tensors(metadata)) {
    entries[name] = {.dtype = std::string(tensor.dtype),
                     .shape = tensor.shape,
                     .strides = {},
                     .data = metadata.bytes().data() + tensor.begin,
                     .bytes = static_cast<int64_t>(tensor.bytes),
                     .split_shape = {}};
  }
  return entries;
}

uint64_t bytes_of(const GgufOutput& output) {
  const GgufType& type = gguf_type(output.type);
  QKV_CHECK(output.values.shape.back() % type.block == 0, "[gguf] {} has rows of {}", output.name, output.values.shape.back());
  return static_cast<uint64_t>(count_values(output.values.shape) / type.block * type.block_bytes);
}

void write_gguf(const std::filesystem::path& path, GgufWriter keys, const std::vector<GgufOutput>& tensors) {
  uint64_t offset = 0;
  for (const GgufOutput& each : tensors) {
    const std::vector<uint64_t> dimensions(each.values.shape.rbegin(), each.values.shape.rend());
    keys.tensor(each.name, dimensions, gguf_type(each.type).number, offset);
    offset += GgufWriter::aligned(bytes_of(each));
  }
  const std::string header = keys.build_with("");
  write_file_atomically(path, [&](const auto& append) {
    append(header.data(), header.size());
    for (const GgufOutput& each : tensors) {
      std::vector<char> bytes = converted(each);
      bytes.resize(GgufWriter::aligned(bytes.size()));
      append(bytes.data(), bytes.size());
    }
  });
  sync_directory(path.parent_path());
}

}  // namespace qkv
