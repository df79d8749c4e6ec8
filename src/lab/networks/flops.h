// What training costs, to compare networks at equal cost.
#pragma once

#include "nn/uniform_config.h"
#include "tensor/segments.h"

namespace qkv::lab {

// Multiplications and additions of one step with these sequences: 2 for each weight that a token passes going forward and 4 going back,
// and those of attention's two products, of which a causal one needs half. Embeddings, norms and biases are left out. Sequence i of
// `target` belongs to sequence i of `source`, which is empty for a decoder alone. Neither grouped heads nor gated feed-forwards.
double training_flops(const UniformConfig& config, const Segments& source, const Segments& target);

}  // namespace qkv::lab
