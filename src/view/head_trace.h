// Computes a HeadTrace.
#pragma once

#include <cstdint>
#include <span>

#include "nn/transformer.h"
#include "qkv/attention.h"

namespace qkv {

// Number of attention layers of a kind.
int layers_of(const TransformerConfig& config, AttentionKind kind);
// Number of its heads; throws (invalid_argument) where there is no such layer.
int heads_of(const TransformerConfig& config, AttentionKind kind, int layer);

// Runs the model on the pair, teacher-forced, and returns what the head did. `target_in` starts with the decoder start. Throws
// (invalid_argument) where there is no such layer or head, naming the possible ones.
HeadTrace trace_head(const Transformer& network, std::span<const int32_t> source, std::span<const int32_t> target_in, AttentionKind kind,
                     int layer, int head, DType dtype = DType::f32);

}  // namespace qkv
