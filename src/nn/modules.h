// The small modules: weights with a forward formula. All work on rows: [tokens, size].
#pragma once

#include "nn/forward_context.h"
#include "nn/parameters.h"
#include "nn/transformer_config.h"

namespace qkv {

// y = x W^T + b; W: [out, in], Xavier uniform; b: zeros.
class Linear {
 public:
  Linear(const ParameterScope& scope, int in, int out);
  Tensor forward(const Tensor& x, FusedActivation activation = FusedActivation::none) const {
    return linear(x, weight_, bias_, activation);
  }

 private:
  Tensor weight_, bias_;
};

// (x - mean) / sqrt(var + epsilon) * weight + bias.
class LayerNorm {
 public:
  LayerNorm(const ParameterScope& scope, int size, float epsilon);
  Tensor forward(const Tensor& x) const { return layer_norm(x, weight_, bias_, epsilon_); }

 private:
  Tensor weight_, bias_;
  float epsilon_;
};

// FFN(x) = W_2 activation(W_1 x + b_1) + b_2 (Vaswani et al. 2017, eq. 2), dropout after the activation.
class FeedForward {
 public:
  FeedForward(const TransformerConfig& config, int inner_size, const ParameterScope& scope);
  Tensor forward(const Tensor& x, ForwardContext& context) const;

 private:
  Linear fc1_, fc2_;
  Activation activation_;
  float dropout_;
};

// Sinusoidal positions (Vaswani et al. 2017, section 3.5) in halves: cos and sin of the same frequency lie size/2 apart, as
// transformers' Marian and Pegasus models have them. [count, size]
Tensor sinusoidal_positions(int count, int size, Device device);

}  // namespace qkv
