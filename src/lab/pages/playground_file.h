// The files of lab/pages/playground/, built into the program: scripts, style sheet, and the models that scripts/playground-models trained.
#pragma once

#include <string_view>

namespace qkv {

// Throws Error(internal) if there is no such file. Written by cmake/embed_files.cmake.
std::string_view playground_file(std::string_view name);

}  // namespace qkv
