// What a file is that was expected to be something else, told by its first bytes.
#pragma once

#include <string_view>

namespace qkv {

// "a pointer of git-lfs, not the file itself; fetch it with git lfs pull", and so on; empty for what is not known.
std::string_view foreign_file(std::string_view content);

}  // namespace qkv
