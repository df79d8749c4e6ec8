// Sampling of the next token from logits, as defined by transformers' generate(do_sample=True).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace qkv {

struct SamplingOptions {
  double temperature = 1;     // divisor of the logits; 0: always the likeliest token
  int64_t top_k = 0;          // keeps the k likeliest tokens, and those tied with the last of them; 0: all
  double top_p = 1;           // then keeps the likeliest tokens that together reach this probability (Holtzman et al. 2020); 1: all
  double min_p = 0;           // then keeps tokens of at least this share of the likeliest one's probability (Nguyen et al. 2024); 0: all
  double typical_p = 1;       // then keeps tokens whose information is nearest to the expected one, up to this probability (Meister et al.
                              // 2022); 1: all
  double epsilon_cutoff = 0;  // then keeps tokens of at least this probability (Hewitt et al. 2022); 0: all
  double eta_cutoff = 0;      // then the same with min(x, sqrt(x) exp(-entropy)) as the least probability; 0: all
};

// Throws Error(invalid_argument) for impossible values.
void validate(const SamplingOptions& options);

struct TokenProbability {
  int32_t id;
  double probability;
};

// The possible tokens with probabilities that sum to one, in an order that depends only on the logits. Throws if a logit is NaN or if all
// are -infinity (suppressed).
std::vector<TokenProbability> next_token_distribution(std::span<const float> logits, const SamplingOptions& options);

// The position of a random draw: equal positions and seeds give equal numbers, independent of other draws.
struct Draw {
  uint64_t seed = 0;
  uint32_t sample = 0;    // index of the text among several samples
  uint32_t position = 0;  // index of the token in the text
};

int32_t draw_token(std::span<const float> logits, const SamplingOptions& options, const Draw& draw);

}  // namespace qkv
