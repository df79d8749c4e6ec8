// Differentiable operations that only the lab's variants need.
#pragma once

#include "ops/ops.h"

namespace qkv::lab {

// x with row rows[i] replaced by row i of `values`; each row at most once.
Tensor replace_rows(const Tensor& x, std::span<const int32_t> rows, const Tensor& values);

// out_i = sum_j f(q_i) . f(k_j) v_j / sum_j f(q_i) . f(k_j) with f(x) = elu(x) + 1, over the keys j visible to query i (Katharopoulos et
// al. 2020, eqs. 5 and 7). q, k, v: [tokens, num_heads * head size], f32. Computed in the quadratic form, for short sequences.
Tensor linear_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Segments& segments, int num_heads, bool causal);

}  // namespace qkv::lab
