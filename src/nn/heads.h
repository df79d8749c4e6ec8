// Heads between an encoder's output and its last layer (Devlin et al. 2018): for masked tokens, or for a label of the whole sequence. Both
// take only the rows that predict something, [rows, hidden_size].
#pragma once

#include "nn/modules.h"
#include "nn/transformer_config.h"

namespace qkv {

// Norm(activation(W h + b)), as in the authors' run_pretraining.py; the last layer is the embedding with the bias stored here.
class MaskedLmHead {
 public:
  MaskedLmHead(const TransformerConfig& config, const Initialization& start, const ParameterScope& scope);
  Tensor forward(const Tensor& x) const { return norm_.forward(activate(dense_.forward(x), activation_)); }
  const Tensor& bias() const { return bias_; }  // [vocab_size]

 private:
  Linear dense_;
  Norm norm_;
  Activation activation_;
  Tensor bias_;
};

// tanh(W h + b) of each sequence's first token, called "pooled" by the authors.
class Pooler {
 public:
  Pooler(const TransformerConfig& config, const Initialization& start, const ParameterScope& scope)
      : dense_({config.hidden_size, config.hidden_size, config.head_bias, start.matrix()}, scope) {}
  Tensor forward(const Tensor& x, const DropoutParams& dropout = {}) const {
    return activate(dense_.forward(x), Activation::tanh, dropout);
  }

 private:
  Linear dense_;
};

// The pooled row with dropout, followed by a last layer with num_labels outputs.
class ClassificationHead {
 public:
  ClassificationHead(const TransformerConfig& config, const Initialization& start, const ParameterScope& scope);
  Tensor forward(const Tensor& x, ForwardContext& context) const { return pooler_.forward(x, dropout_(context)); }
  const Tensor& weight() const { return weight_; }  // [num_labels, hidden_size]
  const Tensor& bias() const { return bias_; }      // [num_labels]

 private:
  Pooler pooler_;
  Dropout dropout_;
  Tensor weight_, bias_;
};

}  // namespace qkv
