#include "base/temporary_directory.h"

#include <stdlib.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "base/error.h"
#include "base/files.h"

namespace qkv {

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "qkv-XXXXXX").string();
  if (!::mkdtemp(name.data())) fail(ErrorCode::io, "cannot make the directory {}: {}", name, std::generic_category().message(errno));
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path TemporaryDirectory::write(const std::string& name, std::string_view content) const {
  write_file_atomically(path_ / name, content);
  return path_ / name;
}

}  // namespace qkv
