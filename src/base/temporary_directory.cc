#include "base/temporary_directory.h"

#include <stdlib.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

#include "base/error.h"
#include "base/files.h"

namespace qkv {

TemporaryDirectory::TemporaryDirectory() {
  const char* variable = std::getenv("TMPDIR");
  const std::string place = variable && *variable ? variable : "/tmp";
  std::string name = (std::filesystem::path(place) / "qkv-XXXXXX").string();
  if (!::mkdtemp(name.data())) {
    fail(ErrorCode::io, "cannot make a directory for temporary files in {}: {}; {} TMPDIR to one that can be written to", place,
         std::generic_category().message(errno), variable && *variable ? "change" : "set");
  }
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
