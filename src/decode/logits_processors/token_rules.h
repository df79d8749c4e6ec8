// Rules on single tokens, as transformers' logits processors have them; the same for search and for draws.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "models/generation_defaults.h"
#include "nn/transformer_config.h"

namespace qkv {

struct TokenRules {
  std::vector<int32_t> bad_words;         // never produced, except where one ends a text
  std::vector<int32_t> suppressed;        // never produced
  std::vector<int32_t> begin_suppressed;  // not produced as the first new token
  std::vector<int32_t> forced_last;       // one of them is the last token at the maximum length; empty: whatever is likeliest
  std::optional<ExponentialDecay> decay;  // of the wish to go on
};

TokenRules token_rules(const GenerationDefaults& generation);

// Throws where a token is outside the vocabulary.
void validate(const TokenRules& rules, const TransformerConfig& config);

// Tokens that cannot come next where there are `new_tokens` new tokens, sorted, each once. `may_end`: a text may end there.
std::vector<int32_t> forbidden_tokens(const TokenRules& rules, const TransformerConfig& config, int64_t new_tokens, bool may_end);

// The score of an end token grows by this times its absolute value; 0 where no decay is wanted.
double end_bonus(const TokenRules& rules, int64_t new_tokens);

}  // namespace qkv
