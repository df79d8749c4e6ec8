// Counts the n-grams that a hypothesis shares with its reference, for BLEU (words) and chrF (characters).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace qkv {

constexpr size_t kMaxNgram = 6;

// Sums over sentences; index n - 1 holds the counts of n-grams.
struct NgramCounts {
  std::array<int64_t, kMaxNgram> hypothesis{}, reference{}, matches{};
  void operator+=(const NgramCounts& other);
};

// The reference's n-grams form a trie whose edges are in one hash table. The hypothesis walks it and matches each n-gram at most as often
// as the reference has it (clipped counts, Papineni et al. 2002, section 2.1). O(symbols * order); memory is kept between calls.
class NgramMatcher {
 public:
  explicit NgramMatcher(size_t order) : order_(order) {}  // order <= kMaxNgram
  NgramCounts count(std::span<const uint32_t> hypothesis, std::span<const uint32_t> reference);

 private:
  struct Edge {
    uint64_t key = 0;  // (parent node << 32 | symbol) + 1; 0: free
    uint32_t node = 0;
    uint32_t left = 0;  // remaining matches of the n-gram
  };
  Edge& find(uint32_t parent, uint32_t symbol);
  void clear(size_t edges);
  size_t order_;
  std::vector<Edge> edges_;
  size_t mask_ = 0;
};

}  // namespace qkv
