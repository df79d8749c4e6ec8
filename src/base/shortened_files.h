// Mapped files that become shorter, or whose disk fails, while being read: an error that names the file instead of SIGBUS.
//
// Where the program has called survive_shortened_files(), what cannot be read any more reads as zeros, and throw_if_shortened() throws from
// then on. throw_if_cancelled() (base/cancellation.h) calls it, so long work ends soon; write_file_atomically() calls it before a file
// takes its name, so nothing made from the zeros is kept.
#pragma once

#include <cstddef>
#include <filesystem>

namespace qkv {

// Installs a handler of SIGBUS. A fault outside of mapped files ends the process as before. For programs only: a library leaves signals
// alone.
void survive_shortened_files();

// Throws Error(io) with the name of a file that became shorter, if one did.
void throw_if_shortened();

namespace internal {
// Registers a mapping; -1: no room, it is not guarded. `path` is the name in the error.
int guard_mapping(const void* data, size_t size, const std::filesystem::path& path);
void forget_mapping(int guard);
}  // namespace internal

}  // namespace qkv
