// Computes a HeadTrace.
#pragma once

#include <cstdint>
#include <span>

#include "nn/transformer.h"
#include "qkv/attention.h"

namespace qkv {

// Number of attention layers of a kind.
int layers_of(const TransformerConfig& config, AttentionKind kind);
// Number of heads of such a layer; throws Error(invalid_argument) if there is no such layer.
int heads_of(const TransformerConfig& config, AttentionKind kind, int layer);

// Runs the model on the pair with teacher forcing and returns the intermediate values of the head. `target_in` starts with the decoder
// start. If there is no such layer or head, throws Error(invalid_argument) with the possible ones.
HeadTrace trace_head(const Transformer& network, std::span<const int32_t> source, std::span<const int32_t> target_in, AttentionKind kind,
                     int layer, int head, DType dtype = DType::f32);

}  // namespace qkv
