// The small modules: weights with a forward formula. All work on rows: [tokens, size].
#pragma once

#include <optional>

#include "nn/forward_context.h"
#include "nn/parameters.h"
#include "nn/transformer_config.h"

namespace qkv {

// How tables of embeddings start: normal, deviation initializer_range or hidden_size^-0.5.
Initializer embedding_start(const TransformerConfig& config);

// y = x W^T + b; W: [out, in], Xavier uniform or normal(initializer_range); b: zeros, or none (linear_bias).
class Linear {
 public:
  // Where the output is added to the residual: with initializer_range it starts smaller, by sqrt(2 layers) (Radford et al. 2019,
  // section 2.3), but in an encoder alone.
  enum class Into { sub_layer, residual };
  Linear(const TransformerConfig& config, const ParameterScope& scope, int in, int out, Into into = Into::sub_layer);
  Tensor forward(const Tensor& x) const { return linear(x, weight_, bias_); }
  LinearWeights weights() const { return {weight_, bias_}; }

 private:
  Tensor weight_, bias_;
};

// (x - mean) / sqrt(var + epsilon) * weight + bias, or x / sqrt(mean of x^2 + epsilon) * weight; hidden_size wide.
class Norm {
 public:
  Norm(const TransformerConfig& config, const ParameterScope& scope);
  Tensor forward(const Tensor& x) const { return bias_ ? layer_norm(x, weight_, bias_, epsilon_) : rms_norm(x, weight_, epsilon_); }

 private:
  Tensor weight_, bias_;  // no bias: RMSNorm
  float epsilon_;
};

// FFN(x) = W_2 activation(W_1 x + b_1) + b_2 (Vaswani et al. 2017, eq. 2), dropout after the activation. Gated: W_2 (activation(W_g x) *
// W_1 x) (Shazeer 2020, eq. 6).
class FeedForward {
 public:
  FeedForward(const TransformerConfig& config, int inner_size, const ParameterScope& scope);
  Tensor forward(const Tensor& x, ForwardContext& context) const;

 private:
  Linear fc1_, fc2_;
  std::optional<Linear> gate_;
  Activation activation_;
  float dropout_;
};

}  // namespace qkv
