#include "decode/logits_processors/repeated_tokens.h"

#include <algorithm>
#include <limits>

namespace qkv {
namespace {

// Positive scores are divided, negative ones multiplied (Keskar et al. 2019), each token's once however often it occurs.
template <typename T>
void penalize(std::span<T> row, std::vector<int32_t> ids, T penalty) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  for (const int32_t id : ids) {
    if (static_cast<size_t>(id) >= row.size()) continue;
    T& score = row[static_cast<size_t>(id)];
    score = score < 0 ? score * penalty : score / penalty;
  }
}

// Forbids each token that followed an earlier occurrence of the last size - 1 tokens.
template <typename T>
void forbid_repeated_ngrams(std::span<T> row, std::span<const int32_t> tokens, size_t size) {
  if (tokens.size() < size) return;
  const std::span<const int32_t> last = tokens.last(size - 1);
  for (size_t begin = 0; begin + size <= tokens.size(); ++begin) {
    if (!std::equal(last.begin(), last.end(), tokens.begin() + static_cast<ptrdiff_t>(begin))) continue;
    const auto id = static_cast<size_t>(tokens[begin + size - 1]);
    if (id < row.size()) row[id] = -std::numeric_limits<T>::infinity();
  }
}

}  // namespace

void RepeatedTokens::apply(const Tensor& scores, std::span<const History> histories) const {
  if (penalty_ == 1 && ngram_ == 0) return;
  for_each_row(scores, [&](auto row, size_t i) {
    using T = typename decltype(row)::value_type;
    const std::span<const int32_t> tokens = histories[i].tokens;
    if (penalty_ != 1) penalize<T>(row, {tokens.begin(), tokens.end()}, static_cast<T>(penalty_));
    if (ngram_ > 0) forbid_repeated_ngrams<T>(row, tokens, ngram_);
  });
}

}  // namespace qkv
