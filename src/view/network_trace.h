// Computes a NetworkTrace (qkv/attention.h).
#pragma once

#include "models/model.h"
#include "qkv/attention.h"

namespace qkv {

struct TracedLayer {
  AttentionKind kind;
  int layer;
};

// Runs the model on the pair with teacher forcing, as trace_head does, and keeps every matrix; of the layer with that attention also the
// weights. The texts and names of tokens remain empty. Throws Error(bad_input) if that would be more than 10^8 numbers.
NetworkTrace trace_network(const Model& model, std::span<const int32_t> source, std::span<const int32_t> target_in, TracedLayer weights_of,
                           DType dtype = DType::f32);

// "decoder.0.self_attention": the prefix of its matrices.
std::string prefix_of(AttentionKind kind, int layer);

// The largest values of a row: their columns, largest first.
std::vector<int64_t> largest_columns(const AttentionMatrix& matrix, int64_t row, int64_t count);

}  // namespace qkv
