// Attention of bf16 tensors with products on bf16 tiles (bf16_tiles.h), for CPUs with AMX or AVX-512 bf16. Scores and sums are f32; weights
// and score gradients are rounded to bf16 as operands of products, as in the plain formula in bf16.
#pragma once

#include "kernels/params.h"

namespace qkv::cpu {

bool attention_bf16_supports(const AttentionParams& p);
void attention_bf16(const AttentionParams& p);
void attention_bf16_backward(const AttentionBackwardParams& p);
void attention_bf16_map(const AttentionMapParams& p);

}  // namespace qkv::cpu
