// Multi-head attention (Vaswani et al. 2017, section 3.2.2): separate W_Q, W_K, W_V and W_O.
#pragma once

#include "nn/modules.h"

namespace qkv {

class MultiHeadAttention {
 public:
  MultiHeadAttention(const TransformerConfig& config, AttentionKind kind, int layer, const ParameterScope& scope);

  // x: [query tokens, hidden_size]; memory: [key tokens, hidden_size] (x itself for self-attention).
  Tensor forward(const Tensor& x, const Segments& queries, const Tensor& memory, const Segments& keys, ForwardContext& context) const;

  // The pieces, for step-by-step decoding.
  Tensor keys(const Tensor& memory) const { return k_proj_.forward(memory); }
  Tensor values(const Tensor& memory) const { return v_proj_.forward(memory); }
  // x: one row per hypothesis; hypothesis i reads the rows of k and v that `keys` lists for it.
  Tensor forward_cached(const Tensor& x, const SegmentView& queries, const Tensor& k, const Tensor& v, const SegmentView& keys) const;

 private:
  Linear q_proj_, k_proj_, v_proj_, out_proj_;
  AttentionKind kind_;
  int layer_;
  AttentionOptions options_;
  float attention_dropout_;
};

}  // namespace qkv
