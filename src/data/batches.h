// Batches of similar length under a token budget, in a seeded order; resuming needs only the position (epoch, index).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/parallel_corpus.h"

namespace qkv {

struct BatchOptions {
  // The number of pairs in a batch times its longest side stays at or below this. A target counts one more than its ids, because the
  // decoder reads a start token before them. A single longer pair is a batch of its own.
  int64_t batch_tokens = 4096;
  uint64_t seed = 1;
};

class Batches {
 public:
  // Sorts pairs by (target length, source length, line) and groups them under the budget. Memory: O(pairs).
  Batches(const ParallelCorpus& corpus, const BatchOptions& options);

  int64_t size() const;                                 // batches per epoch
  std::span<const int32_t> batch(int64_t index) const;  // pair numbers
  std::vector<int32_t> order(int64_t epoch) const;      // the epoch's permutation of batches; depends on seed and epoch only

 private:
  std::vector<int32_t> pairs_;
  std::vector<int64_t> starts_;
  uint64_t seed_;
};

}  // namespace qkv
