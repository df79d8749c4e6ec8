// Forms of attention that a question compares with the product's own; forward only, f32, each query sees all keys. q, k, v: [tokens,
// num_heads * head size] of one sequence.
#pragma once

#include "ops/ops.h"

namespace qkv::lab {

// The literal formula (Vaswani et al. 2017, eq. 1; Dao et al. 2022, algorithm 0): for each head all scores, then all weights in their
// place, then the product with the values. Uses the product's own matrix kernels.
Tensor whole_attention(const Tensor& q, const Tensor& k, const Tensor& v, int num_heads);

// FlashAttention with tiles of `tile` keys (Dao et al. 2022, algorithm 1: the outer loop is over blocks of keys; all queries meet each
// block, and outputs are rescaled and accumulated). A tile itself is computed by the product's composed kernel, 48 queries at a time.
Tensor tiled_attention(const Tensor& q, const Tensor& k, const Tensor& v, int num_heads, int64_t tile);

}  // namespace qkv::lab
