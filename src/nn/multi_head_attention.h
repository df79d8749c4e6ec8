// Multi-head attention (Vaswani et al. 2017, section 3.2.2): separate W_Q, W_K, W_V and W_O.
#pragma once

#include "nn/kept_rows.h"
#include "nn/modules.h"
#include "nn/positions.h"

namespace qkv {

// Sequences and positions of attention in one pass, shared by a group of layers.
struct AttentionPass {
  Segments queries, keys;
  PassPositions positions;      // positions of the rows of x, for queries and keys; empty in cross-attention
  std::vector<int32_t> row_of;  // in decoding: the kept row that stores each row's key and value; empty in cross-attention
};

class MultiHeadAttention {
 public:
  // kind: reported in AttentionRecord.
  MultiHeadAttention(const AttentionConfig& config, int hidden_size, const Initialization& start, AttentionKind kind,
                     const ParameterScope& scope);

  // x: [query tokens, hidden_size]; memory: [key tokens, hidden_size] (x itself for self-attention).
  Tensor forward(const Tensor& x, const Tensor& memory, const AttentionPass& pass, ForwardContext& context) const;

  // Decoding, without gradient. Self-attention stores the keys and values of x in `kept`; cross-attention finds those of `project` there.
  // pass.keys lists the kept rows of each query sequence.
  Tensor forward(const Tensor& x, const KeyValueRows& kept, const AttentionPass& pass, ForwardContext& context) const;
  KeyValueRows project(const Tensor& memory) const;

 private:
  Tensor clipped(const Tensor& projected) const;
  // q and k with their limits, norms and rotations, in the configured order.
  Tensor queries(const Tensor& projected, const AttentionPass& pass) const;
  Tensor keys(const Tensor& projected, const AttentionPass& pass) const;
  RelativePositions relative_positions(const PassPositions& positions, const ForwardContext& context) const;
  Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionPass& pass, const DropoutParams& dropout,
                ForwardContext& context) const;

  AttentionConfig config_;
  AttentionKind kind_;
  Dropout dropout_, position_dropout_;
  Linear q_proj_, k_proj_, v_proj_, out_proj_;
  std::optional<Linear> position_q_proj_, position_k_proj_;  // of relative positions with matrices of their own
  std::optional<QkNorm> q_norm_, k_norm_;
};

}  // namespace qkv
