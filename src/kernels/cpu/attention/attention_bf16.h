// Attention whose products run on bf16 tiles (bf16_tiles.h): where the CPU has AMX or AVX-512 with bf16, for tensors in bf16. Scores and
// sums are f32; weights, and the gradients of scores, are rounded to bf16 for the products they go into, as the plain formula in bf16
// rounds them.
#pragma once

#include "kernels/params.h"

namespace qkv::cpu {

bool attention_bf16_supports(const AttentionParams& p);
void attention_bf16(const AttentionParams& p);
void attention_bf16_backward(const AttentionBackwardParams& p);
void attention_bf16_map(const AttentionMapParams& p);

}  // namespace qkv::cpu
