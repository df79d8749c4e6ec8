// A file of a known size of which several processes write different bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/descriptor.h"

namespace qkv {

// Makes or replaces a file that begins with `head` and has `size` bytes, for which space is reserved where the file system can do that.
// Throws Error(io), also if there is no room.
void make_shared_file(const std::filesystem::path& path, std::string_view head, int64_t size);

// An existing file, open for writing. Not atomic: the file must lie where nobody reads it yet.
class SharedFile {
 public:
  explicit SharedFile(const std::filesystem::path& path);

  void write(int64_t offset, const void* data, size_t size);
  void close();  // after a sync; what is written is only safe afterwards

 private:
  std::filesystem::path path_;
  Descriptor fd_;
};

}  // namespace qkv
