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

// The hash of bytes [begin, end). `look`, if given, is also called for each block i, on any thread. Pages are released after reading, so
// that a large file takes little memory.
uint64_t hash_blocks(const MappedFile& file, size_t begin, size_t end,
                     const std::function<void(int64_t i, std::string_view block)>& look = {});

}  // namespace qkv
