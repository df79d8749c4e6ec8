// Batches of similar length under a token budget, and their seeded order: place (epoch, index) is all that resuming needs.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/parallel_corpus.h"

namespace qkv {

struct BatchOptions {
  // Pairs in a batch times the longest side in it stays at or below this, where a target counts one more than its ids: the decoder
  // reads a start token before them. A single pair that is longer is a batch of its own.
  int64_t batch_tokens = 4096;
  uint64_t seed = 1;
};

class Batches {
 public:
  // Sorts pairs by (target length, source length, line) and cuts them under the budget. Memory: O(pairs).
  Batches(const ParallelCorpus& corpus, const BatchOptions& options);

  int64_t size() const;                                 // batches per epoch
  std::span<const int32_t> batch(int64_t index) const;  // pair numbers
  std::vector<int32_t> order(int64_t epoch) const;      // the epoch's permutation of batches; depends on seed and epoch alone

 private:
  std::vector<int32_t> pairs_;
  std::vector<int64_t> starts_;
  uint64_t seed_;
};

}  // namespace qkv
