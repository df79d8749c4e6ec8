// Hashes of files of any size, block by block on all threads.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/files.h"

namespace qkv {

inline constexpr size_t kHashBlock = size_t{1} << 20;  // bytes

uint64_t hash_block(std::string_view block);

// Blocks are hashed in any order and combined in sequence.
inline uint64_t combine_hashes(uint64_t hash, uint64_t block) { return (hash ^ block) * 0x9E3779B97F4A7C15; }  // 2^64 / golden ratio

// The hash of a text. `look`, if given, is also called for each block i, on any thread, `release` with the range of each block after it was
// read, so that a large mapped file takes little memory.
uint64_t hash_blocks(std::string_view text, const std::function<void(size_t begin, size_t end)>& release,
                     const std::function<void(int64_t i, std::string_view block)>& look = {});
// The hash of the first `size` bytes of a file.
uint64_t hash_file(const MappedFile& file, size_t size);

}  // namespace qkv
