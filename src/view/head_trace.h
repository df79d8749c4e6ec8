// Everything that one attention head computes for one pair of sequences.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nn/transformer.h"

namespace qkv {

struct Matrix {
  int64_t rows = 0, cols = 0;
  std::vector<double> values;  // row by row
  double at(int64_t row, int64_t col) const { return values[static_cast<size_t>(row * cols + col)]; }
};

struct HeadTrace {
  AttentionKind kind = AttentionKind::cross;
  int layer = 0, head = 0;  // counted from 0
  bool causal = false;      // a query sees no key behind itself
  double scale = 1;         // 1 / sqrt(head_dim)
  Matrix q;                 // [queries, head_dim]
  Matrix k, v;              // [keys, head_dim]
  Matrix scores;            // scale * q k^T, with what the distance adds; -infinity where the mask hides a key. [queries, keys]
  Matrix weights;           // softmax of the scores, as the model's kernel computed it. [queries, keys]
  Matrix out;               // weights v. [queries, head_dim]
};

// Number of attention layers of a kind.
int layers_of(const TransformerConfig& config, AttentionKind kind);

// Runs the model on the pair, teacher-forced, and returns what the head did. `target_in` starts with the decoder start. Throws
// (invalid_argument) where there is no such layer or head, naming the possible ones.
HeadTrace trace_head(const Transformer& network, std::span<const int32_t> source, std::span<const int32_t> target_in, AttentionKind kind,
                     int layer, int head, DType dtype = DType::f32);

}  // namespace qkv
