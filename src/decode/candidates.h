// The likeliest next tokens of each hypothesis: transformers' logits processors, then a partial selection over the vocabulary.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "decode/logits_processors/forbidden_tokens.h"
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

// The tokens that may come next in a search.
class NextTokens {
 public:
  // `config` is kept by reference.
  NextTokens(const SearchOptions& options, const TransformerConfig& config);

  // The tokens that alone may follow a hypothesis of so many new tokens (without the decoder start): those of forced_eos_token_id where
  // it must end, with the log p that transformers gives them. Empty: any may follow.
  std::vector<Candidate> forced(int64_t new_tokens) const;

  // The likeliest `count` tokens after each row of logits [hypotheses, vocab_size], which are overwritten; new_tokens: of each
  // hypothesis. Row i's candidates are at i * count; where there are fewer (the others are suppressed), the rest have id -1.
  std::vector<Candidate> best(const Tensor& logits, std::span<const int64_t> new_tokens, int count) const;

 private:
  std::vector<int32_t> forced_last_;
  float forced_log_probability_ = 0;
  int64_t max_new_tokens_;
  ForbiddenTokens forbidden_;
  LogitsProcessors processors_;
};

}  // namespace qkv
