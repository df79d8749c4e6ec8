#include "io/safetensors.h"

#include <algorithm>
#include <cstring>

#include "base/files.h"
#include "base/foreign_file.h"
#include "io/safetensors_header.h"

namespace qkv {

namespace {

constexpr uint64_t kLargestHeader = 100'000'000;  // the limit of the format's own library
constexpr size_t kLengthBytes = 8;

}  // namespace

TensorFile open_safetensors(const std::filesystem::path& path) {
  MappedFile file(path);
  const std::string_view content = file.text();
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
  SafetensorsHeader header = parse_safetensors_header(path.string(), rest.substr(0, length), rest.substr(length));
  return TensorFile(path, std::move(file), std::move(header.entries), std::move(header.metadata));
}

}  // namespace qkv
