// Attention computed in the forms that a question compares with the product's own; forward only, f32, each query sees all keys.
// q, k, v: [tokens, num_heads * head size] of one sequence.
#pragma once

#include "ops/ops.h"

namespace qkv::lab {

// The formula as it is written (Vaswani et al. 2017, eq. 1; Dao et al. 2022, algorithm 0): of one head after the other all scores, then all
// weights in their place, then their product with the values. Products by the product's own matrix kernels.
Tensor whole_attention(const Tensor& q, const Tensor& k, const Tensor& v, int num_heads);

// FlashAttention with a tile of `tile` keys (Dao et al. 2022, algorithm 1: blocks of keys outside, all queries pass by each, and outputs
// are rescaled and added to). A tile itself is computed by the product's composed kernel, 48 queries at a time.
Tensor tiled_attention(const Tensor& q, const Tensor& k, const Tensor& v, int num_heads, int64_t tile);

}  // namespace qkv::lab
