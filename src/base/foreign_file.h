// Recognizes an unexpected kind of file by its first bytes.
#pragma once

#include <string_view>

namespace qkv {

// "a pointer of git-lfs, not the file itself; fetch it with git lfs pull", and so on; empty if unknown.
std::string_view foreign_file(std::string_view content);

}  // namespace qkv
