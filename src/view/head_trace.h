// Computes a HeadTrace.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nn/transformer.h"
#include "qkv/attention.h"

namespace qkv {

// The kinds of attention in the network.
std::vector<AttentionKind> kinds_of(const TransformerConfig& config);
// Number of attention layers of a kind; 0 if there are none.
int layers_of(const TransformerConfig& config, AttentionKind kind);
// Number of heads of such a layer; throws OptionError(invalid_argument) if there is no such layer or kind.
int heads_of(const TransformerConfig& config, AttentionKind kind, int layer);

// Every value of a tensor; a vector is one row.
AttentionMatrix matrix_of(const Tensor& x);
// The intermediate values of one head of a recorded attention.
HeadTrace trace_of(const AttentionRecord& record, int head);
// One sequence as a batch.
TokenBatch one_sequence(std::span<const int32_t> ids);

void check_head(const TransformerConfig& config, AttentionKind kind, int layer, int head);  // throws likewise

// Runs the model on the pair with teacher forcing and returns the intermediate values of the head. The encoder reads `source`, the decoder
// `target_in`, which after an encoder starts with the decoder start; a network without that side ignores the sequence. If there is no such
// kind, layer or head, throws OptionError(invalid_argument) with the possible ones.
HeadTrace trace_head(const Transformer& network, std::span<const int32_t> source, std::span<const int32_t> target_in, AttentionKind kind,
                     int layer, int head, DType dtype = DType::f32);

}  // namespace qkv
