// A new, empty directory in the system's temporary directory; deleted with its content when the object is destroyed.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace qkv {

class TemporaryDirectory {
 public:
  // Throws Error(io) if the system cannot create it; TMPDIR selects the parent directory.
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }
  // Writes a file in it and returns its path.
  std::filesystem::path write(const std::string& name, std::string_view content) const;

 private:
  std::filesystem::path path_;
};

}  // namespace qkv
