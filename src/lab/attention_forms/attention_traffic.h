// The bytes that attention moves between a large slow memory and a small fast one: by formula, and by the processor's counters.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace qkv::lab {

// Elements that the forward pass of one head reads and writes in slow memory; n queries and keys, d the head size. With all scores at once
// (Dao et al. 2022, algorithm 0, theorem 2: O(n d + n^2)): q, k and v are read, scores and weights are written and read, the output is
// written.
double whole_traffic(double n, double d);
// Algorithm 1 of the same paper with tiles of `keys` keys: keys and values are read once; for each tile queries are read, and outputs and
// two numbers per query are read and written. With keys = fast / (4 d) for a fast memory of `fast` elements: O(n^2 d^2 / fast).
double tiled_traffic(double n, double d, double keys);
// With the loops exchanged, as in FlashAttention-2 (Dao 2023, section 3.1) and the product's kernels: `queries` stay in fast memory with
// their outputs while all keys and values stream by; also O(n^2 d^2 / fast).
double passing_keys_traffic(double n, double d, double queries);

// Bytes that `run` on this thread reads from main memory: misses of the last cache times its line size. Nothing if the processor or the
// system has no such counter, as in most virtual machines.
std::optional<double> counted_bytes(const std::function<void()>& run);

// Sizes of this machine's first and second data cache, in bytes; 0 if the system does not report them.
struct CacheSizes {
  int64_t first = 0, second = 0;
};
CacheSizes cache_sizes();

}  // namespace qkv::lab
