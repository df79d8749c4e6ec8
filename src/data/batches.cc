#include "data/batches.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "data/shuffle.h"

namespace qkv {
namespace {

// Stable sort of pair numbers by a small key (counting sort): O(pairs + largest key).
template <typename Key>
std::vector<int32_t> sort_by(const std::vector<int32_t>& pairs, const Key& key) {
  std::vector<int64_t> starts(2);
  for (const int32_t pair : pairs) {
    const size_t k = key(pair) + 1;
    if (k >= starts.size()) starts.resize(k + 1);
    ++starts[k];
  }
  std::partial_sum(starts.begin(), starts.end(), starts.begin());
  std::vector<int32_t> sorted(pairs.size());
  for (const int32_t pair : pairs) sorted[static_cast<size_t>(starts[key(pair)]++)] = pair;
  return sorted;
}

}  // namespace

Batches::Batches(const ParallelCorpus& corpus, const BatchOptions& options) : seed_(options.seed) {
  QKV_REQUIRE(options.batch_tokens >= 1, "[Batches] batch_tokens is {}; it must be at least 1", options.batch_tokens);
  pairs_.resize(static_cast<size_t>(corpus.size()));
  std::iota(pairs_.begin(), pairs_.end(), 0);
  pairs_ = sort_by(pairs_, [&](int32_t pair) { return corpus.source(pair).size(); });
  pairs_ = sort_by(pairs_, [&](int32_t pair) { return corpus.target(pair).size(); });

  starts_ = {0};
  int64_t longest = 0;
  for (size_t i = 0; i < pairs_.size(); ++i) {
    // The decoder's start token counts, as in the PyTorch peer's batches, so that both have the same pairs per step.
    const auto length = static_cast<int64_t>(std::max(corpus.source(pairs_[i]).size(), corpus.target(pairs_[i]).size() + 1));
    const int64_t count = static_cast<int64_t>(i) - starts_.back();
    longest = std::max(longest, length);
    if (count > 0 && longest * (count + 1) > options.batch_tokens) {
      starts_.push_back(static_cast<int64_t>(i));
      longest = length;
    }
  }
  if (!pairs_.empty()) starts_.push_back(static_cast<int64_t>(pairs_.size()));
}

int64_t Batches::size() const { return static_cast<int64_t>(starts_.size()) - 1; }

std::span<const int32_t> Batches::batch(int64_t index) const {
  QKV_CHECK(index >= 0 && index < size(), "[Batches] there is no batch {} of {}", index, size());
  const auto i = static_cast<size_t>(index);
  return std::span(pairs_).subspan(static_cast<size_t>(starts_[i]), static_cast<size_t>(starts_[i + 1] - starts_[i]));
}

std::vector<int32_t> Batches::order(int64_t epoch) const { return shuffled(size(), seed_, epoch); }

}  // namespace qkv
