// Writes safetensors.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "formats/json.h"
#include "io/f16.h"
#include "io/safetensors.h"
#include "tensor/host_values.h"

namespace qkv {
namespace {

constexpr size_t kLengthBytes = 8;
using Append = std::function<void(const void*, size_t)>;

struct Written {
  const char* name;
  int64_t bytes;  // of a value
};

Written written_as(const Tensor& tensor, SafetensorsType type) {
  if (tensor.dtype() == DType::i32) return {"I32", 4};
  switch (type) {
    case SafetensorsType::f32: return {"F32", 4};
    case SafetensorsType::bf16: return {"BF16", 2};
    case SafetensorsType::f16: return {"F16", 2};
    case SafetensorsType::same: break;
  }
  switch (tensor.dtype()) {
    case DType::f64: return {"F64", 8};
    case DType::bf16: return {"BF16", 2};
    default: return {"F32", 4};
  }
}

void append_bytes(const Tensor& tensor, const Append& append) {
  const auto size = static_cast<size_t>(tensor.numel() * size_of(tensor.dtype()));
  if (kernels_for(tensor).memory.shared_with_host) return append(tensor.host<char>(), size);
  std::vector<char> bytes(size);
  tensor.copy_to_host(bytes.data());
  append(bytes.data(), size);
}

void append_f16(const std::string& name, const Tensor& tensor, const Append& append) {
  const Tensor exact = tensor.dtype() == DType::f32 && tensor.device() == Device::cpu ? tensor : tensor.to(DType::f32, Device::cpu);
  const float* values = exact.host<float>();
  std::vector<f16> rounded(static_cast<size_t>(std::min<int64_t>(exact.numel(), int64_t{1} << 16)));
  for (int64_t begin = 0; begin < exact.numel(); begin += std::ssize(rounded)) {
    const int64_t count = std::min<int64_t>(std::ssize(rounded), exact.numel() - begin);
    for (int64_t i = 0; i < count; ++i) {
      const float value = values[begin + i];
      rounded[static_cast<size_t>(i)] = to_f16(value);
      if (std::isfinite(value) && is_infinite(rounded[static_cast<size_t>(i)])) {
        fail(ErrorCode::invalid_argument, "tensor \"{}\" holds {}, which is too large for f16; write bf16 or f32", name, value);
      }
    }
    append(rounded.data(), static_cast<size_t>(count) * sizeof(f16));
  }
}

void append_values(const std::string& name, const Tensor& tensor, SafetensorsType type, const Append& append) {
  if (type == SafetensorsType::f16 && tensor.dtype() != DType::i32) return append_f16(name, tensor, append);
  const DType wanted = type == SafetensorsType::f32 ? DType::f32 : type == SafetensorsType::bf16 ? DType::bf16 : tensor.dtype();
  append_bytes(tensor.dtype() == DType::i32 || tensor.dtype() == wanted ? tensor : tensor.to(wanted, Device::cpu), append);
}

struct Entry {
  const std::string& name;
  const Shape& shape;
  Written written;
};

// The layout of tensors in this order.
SafetensorsLayout layout_of(const std::filesystem::path& path, const std::vector<Entry>& entries,
                            const std::map<std::string, std::string>& metadata) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  SafetensorsLayout layout;
  for (const auto& [name, shape, written] : entries) {
    if (header.contains(name)) fail(ErrorCode::internal, "[safetensors] {} is written twice into {}", name, path.string());
    layout.begins.push_back(layout.size);
    layout.size += count_values(shape) * written.bytes;
    header[name] = {{"dtype", written.name}, {"shape", shape}, {"data_offsets", {layout.begins.back(), layout.size}}};
  }
  std::string text = header.dump();
  text.append((kLengthBytes - text.size() % kLengthBytes) % kLengthBytes, ' ');
  const uint64_t length = text.size();
  layout.header.assign(reinterpret_cast<const char*>(&length), kLengthBytes);
  layout.header += text;
  for (int64_t& begin : layout.begins) begin += std::ssize(layout.header);
  layout.size += std::ssize(layout.header);
  return layout;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors, const std::map<std::string, std::string>& metadata,
                       SafetensorsType type) {
  // Wide types come first, so that with an aligned start every tensor is aligned to its type.
  std::vector<const std::pair<std::string, Tensor>*> order;
  for (const auto& named : tensors) order.push_back(&named);
  std::stable_sort(order.begin(), order.end(),
                   [&](auto* a, auto* b) { return written_as(a->second, type).bytes > written_as(b->second, type).bytes; });

  std::vector<Entry> entries;
  for (const auto* named : order) entries.push_back({named->first, named->second.shape(), written_as(named->second, type)});
  const SafetensorsLayout layout = layout_of(path, entries, metadata);
  write_file_atomically(path, [&](const Append& append) {
    append(layout.header.data(), layout.header.size());
    for (const auto* named : order) append_values(named->first, named->second, type, append);
  });
  sync_directory(path.parent_path());
}

SafetensorsLayout layout_safetensors(const std::filesystem::path& path, const std::vector<std::pair<std::string, Shape>>& tensors,
                                     const std::map<std::string, std::string>& metadata) {
  std::vector<Entry> entries;
  for (const auto& [name, shape] : tensors) entries.push_back({name, shape, {"F32", 4}});
  return layout_of(path, entries, metadata);
}

void write_safetensors_shards(const std::filesystem::path& directory, const NamedTensors& tensors, SafetensorsType type,
                              int64_t max_bytes) {
  std::vector<NamedTensors> shards(1);
  int64_t total = 0, in_shard = 0;
  for (const auto& named : tensors) {
    const int64_t bytes = named.second.numel() * written_as(named.second, type).bytes;
    if (!shards.back().empty() && bytes > max_bytes - in_shard) {
      shards.emplace_back();
      in_shard = 0;
    }
    shards.back().push_back(named);
    in_shard += bytes;
    total += bytes;
  }
  const std::map<std::string, std::string> metadata{{"format", "pt"}};
  if (shards.size() == 1) return write_safetensors(directory / "model.safetensors", tensors, metadata, type);
  nlohmann::ordered_json index;
  index["metadata"]["total_size"] = total;
  for (size_t i = 0; i < shards.size(); ++i) {
    const std::string file = fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
    write_safetensors(directory / file, shards[i], metadata, type);
    for (const auto& [name, tensor] : shards[i]) index["weight_map"][name] = file;
  }
  write_file_atomically(directory / "model.safetensors.index.json", index.dump(2) + "\n");
}

}  // namespace qkv
