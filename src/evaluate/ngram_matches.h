// Counting the n-grams that a hypothesis shares with its reference: what BLEU (of words) and chrF (of characters) are made of.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace qkv {

constexpr size_t kMaxNgram = 6;

// Sums over sentences; index n - 1 for n-grams.
struct NgramCounts {
  std::array<int64_t, kMaxNgram> hypothesis{}, reference{}, matches{};
  void operator+=(const NgramCounts& other);
};

// The reference's n-grams are a trie whose edges lie in one hash table; the hypothesis walks it and takes each n-gram at most as often
// as the reference has it (clipped counts, Papineni et al. 2002, section 2.1). O(symbols * order), memory kept between calls.
class NgramMatcher {
 public:
  explicit NgramMatcher(size_t order) : order_(order) {}  // order <= kMaxNgram
  NgramCounts count(std::span<const uint32_t> hypothesis, std::span<const uint32_t> reference);

 private:
  struct Edge {
    uint64_t key = 0;  // (parent node << 32 | symbol) + 1; 0: free
    uint32_t node = 0;
    uint32_t left = 0;  // how often the n-gram may still be taken
  };
  Edge& find(uint32_t parent, uint32_t symbol);
  void clear(size_t edges);
  size_t order_;
  std::vector<Edge> edges_;
  size_t mask_ = 0;
};

}  // namespace qkv
