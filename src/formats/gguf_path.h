// Finds the GGUF file that a user means.
#pragma once

#include <filesystem>

namespace qkv {

// `path` itself if it is a GGUF file, or the only *.gguf of a directory that has no weights in another format; empty: neither. Throws an
// error that lists them if a directory has several.
std::filesystem::path find_gguf(const std::filesystem::path& path);

}  // namespace qkv
