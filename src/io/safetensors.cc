#include "io/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/foreign_file.h"
#include "io/safetensors_header.h"
#include "kernels/bf16.h"
#include "tensor/host_values.h"

namespace qkv {

static_assert(std::endian::native == std::endian::little, "the format is little-endian; values are copied as they lie in memory");

namespace {

constexpr uint64_t kLargestHeader = 100'000'000;  // the limit of the format's own library
constexpr size_t kLengthBytes = 8;

struct f16 {
  uint16_t bits;
};

// IEEE 754 binary16: 1 sign, 5 exponent, 10 mantissa bits.
float to_float(f16 x) {
  const uint32_t sign = uint32_t{x.bits & 0x8000u} << 16;
  const uint32_t exponent = x.bits >> 10 & 0x1f, mantissa = x.bits & 0x3ff;
  if (exponent == 0) return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(static_cast<float>(mantissa) * 0x1p-24f));
  const uint32_t widened = exponent == 31 ? 0xff : exponent + 112;  // infinity and NaN are preserved
  return std::bit_cast<float>(sign | widened << 23 | mantissa << 13);
}

template <typename To, typename From>
To convert(From value) {
  if constexpr (std::is_same_v<From, To>) {
    return value;
  } else if constexpr (std::is_same_v<To, bf16>) {
    return to_bf16(convert<float>(value));
  } else if constexpr (std::is_arithmetic_v<From>) {
    return static_cast<To>(value);
  } else {
    return static_cast<To>(to_float(value));
  }
}

// The source may be at any address, since the header's length need not be a multiple of the element size.
template <typename From, typename To>
void convert_all(const char* from, To* to, int64_t count) {
  if constexpr (std::is_same_v<From, To>) {
    if (count > 0) std::memcpy(to, from, static_cast<size_t>(count) * sizeof(To));
  } else {
    for (int64_t i = 0; i < count; ++i) {
      From value;
      std::memcpy(&value, from + i * static_cast<int64_t>(sizeof(From)), sizeof(From));
      to[i] = convert<To>(value);
    }
  }
}

template <typename From, typename To>
void write_values(const char* from, const Tensor& out) {
  write_on_host<To>(out, Before::anything, [&](To* to) { convert_all<From>(from, to, out.numel()); });
}

template <typename From>
bool convert_to(const char* from, const Tensor& out) {
  switch (out.dtype()) {
    case DType::f32: write_values<From, float>(from, out); return true;
    case DType::f64: write_values<From, double>(from, out); return true;
    case DType::bf16: write_values<From, bf16>(from, out); return true;
    case DType::i32: return false;
  }
  return false;
}

const char* file_type(DType dtype) {
  switch (dtype) {
    case DType::f64: return "F64";
    case DType::f32: return "F32";
    case DType::bf16: return "BF16";
    default: return "I32";
  }
}

}  // namespace

struct SafetensorsReader::Impl {
  std::string path;
  MappedFile file;
  SafetensorsHeader header;
  const char* data = nullptr;
};

SafetensorsReader::SafetensorsReader(const std::filesystem::path& path) : impl_(std::make_unique<Impl>()) {
  impl_->path = path.string();
  impl_->file = MappedFile(path);
  const std::string_view content = impl_->file.text();
  uint64_t length = 0;
  const std::string_view kind = foreign_file(content.substr(0, 512));
  if (!kind.empty() && !content.substr(std::min(content.size(), kLengthBytes)).starts_with('{')) {
    fail(ErrorCode::bad_input, "{} is no safetensors file but {}", path.string(), kind);
  }
  if (content.size() < kLengthBytes) {
    fail(ErrorCode::bad_input, "{} has {} bytes; that is no safetensors file, or it was cut", path.string(), content.size());
  }
  std::memcpy(&length, content.data(), kLengthBytes);
  const std::string_view rest = content.substr(kLengthBytes);
  if (length > kLargestHeader || rest.empty() || length > rest.size() || rest[0] != '{') {
    fail(ErrorCode::bad_input, "{} is no safetensors file, or was cut: its first eight bytes announce a header of {} bytes, {} follow",
         path.string(), length, rest.size());
  }
  impl_->header = parse_safetensors_header(impl_->path, rest.substr(0, length), static_cast<int64_t>(rest.size() - length));
  impl_->data = rest.data() + length;
}

SafetensorsReader::~SafetensorsReader() = default;

const std::map<std::string, SafetensorsReader::Entry>& SafetensorsReader::entries() const { return impl_->header.entries; }
const std::map<std::string, std::string>& SafetensorsReader::metadata() const { return impl_->header.metadata; }

void SafetensorsReader::read(const std::string& name, const Tensor& out) const {
  const auto found = entries().find(name);
  if (found == entries().end()) fail(ErrorCode::bad_input, "{} has no tensor \"{}\"", impl_->path, shortened(name));
  const Entry& entry = found->second;
  if (entry.shape != out.shape()) {
    fail(ErrorCode::bad_input, "{}: tensor \"{}\" is {}, {} is wanted", impl_->path, shortened(name), shortened(to_string(entry.shape)),
         to_string(out.shape()));
  }
  const char* from = impl_->data + entry.begin;
  bool known = false;
  if (entry.dtype == "F32") known = convert_to<float>(from, out);
  if (entry.dtype == "BF16") known = convert_to<bf16>(from, out);
  if (entry.dtype == "F16") known = convert_to<f16>(from, out);
  if (entry.dtype == "F64") known = convert_to<double>(from, out);
  if (entry.dtype == "I32" && out.dtype() == DType::i32) {
    write_values<int32_t, int32_t>(from, out);
    known = true;
  }
  if (!known) {
    fail(ErrorCode::unsupported, "{}: tensor \"{}\" is {}; it cannot be read as {}", impl_->path, name, entry.dtype, name_of(out.dtype()));
  }
  // The values are copied, so release their pages: a weight file then does not count as memory in use.
  const size_t begin = static_cast<size_t>(from - impl_->file.data());
  impl_->file.release(begin, begin + static_cast<size_t>(entry.bytes));
}

void write_safetensors(const std::filesystem::path& path, const std::vector<std::pair<std::string, Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  // Wide types come first, so that with an aligned start every tensor is aligned to its type.
  std::vector<const std::pair<std::string, Tensor>*> order;
  for (const auto& named : tensors) order.push_back(&named);
  std::stable_sort(order.begin(), order.end(), [](auto* a, auto* b) { return size_of(a->second.dtype()) > size_of(b->second.dtype()); });

  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  int64_t end = 0;
  for (const auto* named : order) {
    const auto& [name, tensor] = *named;
    if (header.contains(name)) fail(ErrorCode::internal, "[safetensors] {} is written twice into {}", name, path.string());
    const int64_t begin = std::exchange(end, end + tensor.numel() * size_of(tensor.dtype()));
    header[name] = {{"dtype", file_type(tensor.dtype())}, {"shape", tensor.shape()}, {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  text.append((kLengthBytes - text.size() % kLengthBytes) % kLengthBytes, ' ');

  write_file_atomically(path, [&](const std::function<void(const void*, size_t)>& append) {
    const uint64_t length = text.size();
    append(&length, kLengthBytes);
    append(text.data(), text.size());
    for (const auto* named : order) {
      const Tensor& tensor = named->second;
      const auto size = static_cast<size_t>(tensor.numel() * size_of(tensor.dtype()));
      if (kernels_for(tensor).memory.shared_with_host) {
        append(tensor.host<char>(), size);
        continue;
      }
      std::vector<char> bytes(size);
      tensor.copy_to_host(bytes.data());
      append(bytes.data(), size);
    }
  });
  sync_directory(path.parent_path());
}

}  // namespace qkv
