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
  // `config` is kept by reference.
  NextTokens(const SearchOptions& options, const TransformerConfig& config);

  // The tokens that alone may follow a hypothesis of `length` tokens (decoder start included): those of forced_eos_token_id where it must
  // end, with the log p that transformers gives them. Empty: any may follow.
  std::vector<Candidate> forced(int length) const;

  // The likeliest `count` tokens after each row of logits [hypotheses, vocab_size], which are overwritten. Row i's candidates are at
  // i * count; where there are fewer (the others are suppressed), the rest have id -1.
  std::vector<Candidate> best(const Tensor& logits, int length, int count) const;

 private:
  template <typename T>
  void apply_rules(const Tensor& scores, std::span<const int32_t> forbidden, double bonus) const;

  const TransformerConfig& config_;
  TokenRules rules_;
  bool greedy_;  // log softmax after tokens are suppressed, else (beam search) before it
  bool renormalize_;
  int max_length_, min_length_;
};

}  // namespace qkv
