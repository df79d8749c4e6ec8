// Heads between an encoder's output and its last layer (Devlin et al. 2018): for masked tokens, or for labels of sequences or tokens. Both
// take only the rows that predict something, [rows, hidden_size].
#pragma once

#include "nn/modules.h"
#include "nn/transformer_config.h"

namespace qkv {

// Norm(activation(W h + b)), as in the authors' run_pretraining.py, or h itself without head_transform. The last layer is the embedding
// with the bias stored here.
class MaskedLmHead {
 public:
  MaskedLmHead(const TransformerConfig& config, const Initialization& start, const ParameterScope& scope);
  Tensor forward(const Tensor& x) const { return norm_ ? norm_->forward(activate(dense_->forward(x), activation_)) : x; }
  const Tensor& bias() const { return bias_; }  // [vocab_size] or empty

 private:
  std::optional<Linear> dense_;
  std::optional<Norm> norm_;
  Activation activation_;
  Tensor bias_;
};

// activation(W h + b), usually tanh and of each sequence's first token, called "pooled" by the authors.
class Pooler {
 public:
  Pooler(const TransformerConfig& config, const Initialization& start, const ParameterScope& scope)
      : dense_({config.hidden_size, config.hidden_size, config.head_bias, start.matrix()}, scope), activation_(config.pooler_activation) {}
  Tensor forward(const Tensor& x, const DropoutParams& dropout = {}) const { return activate(dense_.forward(x), activation_, dropout); }

 private:
  Linear dense_;
  Activation activation_;
};

// The pooled row (the row itself for heads without a pooler), its norm if there is one, and dropout, followed by a last layer with
// num_labels outputs.
class ClassificationHead {
 public:
  ClassificationHead(const TransformerConfig& config, const Initialization& start, const ParameterScope& scope);
  Tensor forward(const Tensor& x, ForwardContext& context) const;
  const Tensor& weight() const { return weight_; }  // [num_labels, hidden_size]
  const Tensor& bias() const { return bias_; }      // [num_labels]

 private:
  std::optional<Pooler> pooler_;
  std::optional<Norm> norm_;
  Dropout dropout_, first_dropout_;
  Tensor weight_, bias_;
};

}  // namespace qkv
