// The likeliest next tokens of each hypothesis: transformers' logits processors, then a partial selection over the vocabulary.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "decode/search.h"

namespace qkv {

struct Candidate {
  int32_t id;
  float log_probability;
};

// Writes the `count` largest entries of the row to `out`, the largest first and of equal ones the lower id first, and returns how many
// there are: entries that are -infinity or not a number are never chosen. T: float or double.
template <typename T>
int select_largest(std::span<const T> row, int count, Candidate* out);

// What may come next in one step of a search in which all hypotheses have the same length.
class NextTokens {
 public:
  NextTokens(const SearchOptions& options, const TransformerConfig& config);

  // Must the next token of a hypothesis of `length` tokens (decoder start included) be forced_eos_token_id, with log p = 0?
  bool forced(int length) const { return forced_eos_token_id_ >= 0 && length == max_length_ - 1; }

  // The likeliest `count` tokens after each row of logits [hypotheses, vocab_size], which are overwritten. Row i's candidates are at
  // i * count; where there are fewer (the others are suppressed), the rest have id -1.
  std::vector<Candidate> best(const Tensor& logits, int length, int count) const;

 private:
  std::vector<int32_t> suppressed_at(int length) const;
  void suppress(const Tensor& scores, std::span<const int32_t> ids) const;

  bool normalize_first_;  // log softmax before tokens are suppressed (beam search), else after it
  int max_length_, min_length_, eos_token_id_, forced_eos_token_id_;
  std::vector<int32_t> suppressed_;  // each once, without </s>
};

}  // namespace qkv
