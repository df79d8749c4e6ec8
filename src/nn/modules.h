// Small modules: weights with a forward formula. All operate on rows: [tokens, size].
#pragma once

#include <optional>
#include <vector>

#include "nn/forward_context.h"
#include "nn/layer_config.h"
#include "nn/parameters.h"

namespace qkv {

// Initialization of a network's weights.
struct Initialization {
  float range = 0;          // deviation of matrices and embeddings; 0: Xavier matrices, and embeddings with deviation hidden_size^-0.5
  int residual_layers = 0;  // with `range`: matrices that add to the residual start smaller by sqrt(2 layers); 0: no such scaling

  Initializer matrix() const { return range > 0 ? Initializer::normal(range) : Initializer::xavier_uniform(); }
  Initializer residual() const;  // for a sub-layer's last matrix (Radford et al. 2019, section 2.3)
  Initializer embedding(int hidden_size) const;
};

// A dropout (Srivastava et al. 2014). Its random numbers depend on its name, not on the order of calls.
class Dropout {
 public:
  Dropout(float probability, const ParameterScope& name) : probability_(probability), site_(name.id()) {}
  DropoutParams operator()(const ForwardContext& context) const { return context.dropout(probability_, site_); }

 private:
  float probability_;
  uint32_t site_;
};

struct LinearOptions {
  int in = 0, out = 0;
  bool bias = true;
  Initializer start = Initializer::xavier_uniform();
};

// y = x W^T + b; W: [out, in]; b: [out], initially zero.
class Linear {
 public:
  Linear(const LinearOptions& options, const ParameterScope& scope);
  Tensor forward(const Tensor& x) const { return linear(x, weight_, bias_); }
  LinearWeights weights() const { return {weight_, bias_}; }

 private:
  Tensor weight_, bias_;
};

// (x - mean) / sqrt(var + epsilon) * weight + bias, or x / sqrt(mean of x^2 + epsilon) * weight, over `size` columns.
class Norm {
 public:
  Norm(const NormConfig& config, int size, const ParameterScope& scope);
  Tensor forward(const Tensor& x) const {
    return config_.kind == NormKind::layer ? layer_norm(x, weight_, bias_, config_.epsilon) : rms_norm(x, weight_, config_.epsilon);
  }

 private:
  NormConfig config_;
  Tensor weight_, bias_;
};

// A norm of each group of `size` columns of q or k, such as a head (Henry et al. 2020); groups share one weight, or each of `heads` has its
// own ("norms.3.weight").
class QkNorm {
 public:
  QkNorm(const NormConfig& config, int size, int heads, const ParameterScope& scope);  // heads 0: one weight
  Tensor forward(const Tensor& x) const;

 private:
  NormConfig config_;
  int size_;
  std::optional<Norm> norm_;
  std::vector<Tensor> of_head_;  // [1, size]
};

// xIELU (Huang and Schlag 2024), whose factors are learned and whose other numbers are constants of the files.
class Xielu {
 public:
  explicit Xielu(const ParameterScope& scope);
  Tensor forward(const Tensor& x) const { return xielu(x, weights_); }

 private:
  XieluWeights weights_;
};

// The feed-forward network of FeedForwardConfig on rows of hidden_size, with dropout after the activation.
class FeedForward {
 public:
  FeedForward(const FeedForwardConfig& config, int hidden_size, const Initialization& start, const ParameterScope& scope);
  Tensor forward(const Tensor& x, ForwardContext& context) const;

 private:
  void show_inner(const Tensor& x, const ForwardContext& context) const;
  Tensor activated(const Tensor& inner, const Tensor& gate) const;

  FeedForwardConfig config_;
  Dropout dropout_;
  Linear fc1_, fc2_;
  std::optional<Linear> gate_;
  std::optional<Xielu> xielu_;
};

}  // namespace qkv
