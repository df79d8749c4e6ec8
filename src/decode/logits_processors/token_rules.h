// Rules on next tokens, as in transformers' logits processors; shared by search and sampling.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "models/generation_defaults.h"
#include "nn/transformer_config.h"

namespace qkv {

struct TokenRules {
  std::vector<int32_t> bad_words;         // never produced, unless it is an end token
  std::vector<int32_t> suppressed;        // never produced
  std::vector<int32_t> begin_suppressed;  // never produced as the first new token that is not forced
  std::optional<int32_t> forced_first;    // the first new token; empty: the likeliest token
  std::vector<int32_t> forced_last;       // at the maximum length the last token is one of these; empty: the likeliest token
  std::optional<ExponentialDecay> decay;  // raises the scores of end tokens
  float repetition_penalty = 1;           // above 1: tokens that the text has are less likely; 1: as likely as others
  int no_repeat_ngram_size = 0;           // no sequence of this many tokens occurs twice; 0: it may
};

TokenRules token_rules(const GenerationDefaults& generation);

// Throws if a token is outside the vocabulary or a number out of its range.
void validate(const TokenRules& rules, const TransformerConfig& config);

// The tokens forbidden after `new_tokens` new tokens, sorted and without duplicates. `may_end`: whether end tokens are allowed.
std::vector<int32_t> forbidden_tokens(const TokenRules& rules, const TransformerConfig& config, int64_t new_tokens, bool may_end);

// The number of new tokens before the first one that is not forced.
int64_t first_free_token(const TokenRules& rules);

// An end token's score grows by this factor times its absolute value; 0 without decay.
double end_bonus(const TokenRules& rules, int64_t new_tokens);

}  // namespace qkv
