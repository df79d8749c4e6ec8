// A new, empty directory of the system's place for temporary files; gone, with what is in it, when the object goes.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace qkv {

class TemporaryDirectory {
 public:
  // Errors: io where the system makes none; TMPDIR chooses the place.
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
