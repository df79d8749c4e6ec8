// The networks that the Transformer is compared with on the pages of recurrence and convolution, and arms that try learning rates.
#pragma once

#include <string>
#include <vector>

#include "lab/networks/network.h"

namespace qkv::lab {

// Layers as in classical use: no residual, norm or feed-forward. Without positions, which the order of the steps tells.
NetworkOptions classical_recurrence(Mixer cell, int layers, int hidden_size);

// Gated convolutions of width 2 in residuals with norms, no feed-forward. Layer i looks 2^i tokens back, so that `layers` of them see
// 2^layers tokens (van den Oord et al. 2016, section 2.1).
NetworkOptions dilated_convolutions(int layers, int hidden_size);

// Dilated convolutions with self-attention as the last layer, which learns the order of tokens from them.
NetworkOptions convolutions_with_attention(int layers, int hidden_size, int heads);

// A pre-norm Transformer with 4 heads and rotary positions.
NetworkOptions rotary_transformer(int layers, int hidden_size, int ffn_size);

// The learning rates that were tried, each twice the one before, and the best of them.
struct Rates {
  double best = 0, lowest = 0, highest = 0;
};

// An arm that tries a learning rate: "lstm@0.01".
struct RateArm {
  std::string arm;
  double rate = 0;
};
RateArm parse_rate_arm(const std::string& name);
std::vector<std::string> arms_with_rates(const std::string& arm, const Rates& rates);

}  // namespace qkv::lab
