// From the vectors of a text's tokens to one vector (sentence-transformers' Pooling).
#pragma once

#include <cstdint>
#include <span>

#include "qkv/embedder.h"

namespace qkv {

// tokens: [count, size] of one text. The first `excluded` tokens, fewer than all, are left out; weightedmean still counts them. Sums are in
// double, in the order of the tokens. out: [size].
void pool_tokens(PoolingMode mode, std::span<const float> tokens, int64_t size, int64_t excluded, std::span<float> out);

// Divides by the length, or by 1e-12 if that is larger.
void normalize_row(std::span<float> row);

}  // namespace qkv
