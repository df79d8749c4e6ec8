// The next token drawn from a network's logits, as transformers' generate(do_sample=True) defines it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace qkv {

struct SamplingOptions {
  double temperature = 1;  // logits are divided by it; 0: always the likeliest token
  int64_t top_k = 0;       // only the likeliest k tokens, and those as likely as the last of them; 0: all
  double top_p = 1;        // then only the likeliest ones that together reach this probability (Holtzman et al. 2020); 1: all
};

// Throws Error(invalid_argument) where an option cannot be right.
void validate(const SamplingOptions& options);

struct TokenProbability {
  int32_t id;
  double probability;
};

// The tokens that may be drawn, with probabilities that sum to one; in an order that depends on the logits alone. Throws where a logit is
// no number or all tokens are suppressed: a logit of -infinity.
std::vector<TokenProbability> next_token_distribution(std::span<const float> logits, const SamplingOptions& options);

// The place of a draw: the same place and seed give the same number, whoever else draws.
struct Draw {
  uint64_t seed = 0;
  uint32_t sample = 0;    // which of several texts
  uint32_t position = 0;  // which token of it
};

int32_t draw_token(std::span<const float> logits, const SamplingOptions& options, const Draw& draw);

}  // namespace qkv
