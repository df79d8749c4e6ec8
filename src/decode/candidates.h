// The likeliest next tokens of each hypothesis: transformers' logits processors, followed by a partial selection over the vocabulary.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "decode/logits_processors/forbidden_tokens.h"
#include "decode/search.h"

namespace qkv {

struct Candidate {
  int32_t id;
  float log_probability;
};

// Writes the `count` largest entries of the row to `out` in descending order, ties by lower id, and returns their number. Entries that are
// -infinity or NaN are never selected. T: float or double.
template <typename T>
int select_largest(std::span<const T> row, int count, Candidate* out);

// Selects the possible next tokens in a search.
class NextTokens {
 public:
  // `config` is kept by reference.
  NextTokens(const SearchOptions& options, const TransformerConfig& config);

  // The only tokens allowed after `new_tokens` tokens (excluding the decoder start): those of forced_eos_token_id at the maximum length,
  // forced_bos_token_id as the first one, with the log p that transformers assigns. Empty: no token is forced.
  std::vector<Candidate> forced(int64_t new_tokens) const;

  // The likeliest `count` tokens for each row of logits [hypotheses, vocab_size], which are overwritten; one history per hypothesis.
  // Candidates of row i start at i * count; if too many tokens are suppressed, the remaining entries have id -1.
  std::vector<Candidate> best(const Tensor& logits, std::span<const History> histories, int count) const;

 private:
  std::vector<int32_t> forced_last_;
  std::optional<int32_t> forced_first_;
  float forced_log_probability_ = 0;
  int64_t max_new_tokens_;
  ForbiddenTokens forbidden_;
  LogitsProcessors processors_;
};

}  // namespace qkv
