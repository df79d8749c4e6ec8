// The cost of training, for comparing networks at equal cost.
#pragma once

#include "nn/uniform_config.h"
#include "tensor/segments.h"

namespace qkv::lab {

// Multiplications and additions of one step with these sequences: 2 for each weight and token in the forward pass and 4 in the backward
// pass, and those of attention's two products, of which a causal one needs half. Embeddings, norms and biases are ignored. Sequence i of
// `target` belongs to sequence i of `source`, which is empty for a decoder alone. Grouped heads and gated feed-forwards are not supported.
double training_flops(const UniformConfig& config, const Segments& source, const Segments& target);

}  // namespace qkv::lab
