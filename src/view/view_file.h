// The style sheets, scripts and words of the pages that show matrices: the files of view/web/, built into the program.
#pragma once

#include <string_view>

namespace qkv {

// Throws Error(internal) if there is no such file. Written by cmake/embed_files.cmake.
std::string_view view_file(std::string_view name);

}  // namespace qkv
