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
// as the reference has it (clipped counts, Papineni et al. 2002, section 2.1). O(symbols * order), memory kept between calls. Of several
// references, the one that has an n-gram most often says how often it may be taken.
class NgramMatcher {
 public:
  explicit NgramMatcher(size_t order) : order_(order) {}  // order <= kMaxNgram
  NgramCounts count(std::span<const uint32_t> hypothesis, const std::vector<uint32_t>& reference) {
    return count(hypothesis, {&reference, 1});
  }
  // `reference` of the result counts the reference whose length is closest to the hypothesis'; of two such, the shorter one.
  NgramCounts count(std::span<const uint32_t> hypothesis, std::span<const std::vector<uint32_t>> references);

 private:
  struct Edge {
    uint64_t key = 0;  // (parent node << 32 | symbol) + 1; 0: free
    uint32_t node = 0;
    uint32_t left = 0;                        // number of matches still allowed
    uint32_t reference = 0, occurrences = 0;  // number of the last reference that has it, from 1, and how often it does
  };
  Edge& find(uint32_t parent, uint32_t symbol);
  void clear(size_t edges);
  void add_reference(std::span<const uint32_t> reference, uint32_t number);
  size_t order_;
  uint32_t nodes_ = 0;  // 0 is the root
  std::vector<Edge> edges_;
  size_t mask_ = 0;
};

}  // namespace qkv
