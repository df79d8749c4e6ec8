// Batches of texts in a new order in each epoch.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "data/shuffle.h"
#include "evaluate/batch_source.h"

namespace qkv {

// Texts are shuffled in each epoch and split into batches with equal numbers of texts, chosen so that a batch has about `batch_tokens`
// tokens. `make_batch` makes the batch of the texts with these numbers.
template <typename Texts, TrainingBatch (*make_batch)(const Texts& texts, std::span<const int32_t> numbers)>
class ShuffledSource final : public BatchSource {
 public:
  ShuffledSource(Texts texts, int64_t batch_tokens, uint64_t seed)
      : texts_(std::move(texts)),
        size_(std::clamp<int64_t>((texts_.tokens() + batch_tokens - 1) / batch_tokens, 1, texts_.size())),
        seed_(seed) {
    QKV_REQUIRE(texts_.size() <= INT32_MAX, "[shuffled source] {} texts are too many", texts_.size());
  }

  int64_t size() const override { return size_; }
  std::vector<int32_t> order(int64_t epoch) const override { return shuffled(texts_.size(), seed_, epoch); }
  TrainingBatch batch(int64_t, std::span<const int32_t> order, int64_t index) const override {
    const auto begin = static_cast<size_t>(index * texts_.size() / size_), end = static_cast<size_t>((index + 1) * texts_.size() / size_);
    return make_batch(texts_, order.subspan(begin, end - begin));
  }

 private:
  Texts texts_;
  int64_t size_;
  uint64_t seed_;
};

}  // namespace qkv
