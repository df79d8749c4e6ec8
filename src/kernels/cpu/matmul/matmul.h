// Which program computes a product.
#pragma once

#include "kernels/params.h"

namespace qkv::cpu {

// Vectors of f32 (f32_matmul.h), dot products of bf16, or tiles of bf16 (bf16_matmul.h).
enum class MatmulProgram : uint8_t { f32, bf16_dots, bf16_tiles };

// By the instruction set in use, the type of the rows and, for a weight's gradient, how many there are; never by strides.
MatmulProgram program_of(const MatmulParams& p);

}  // namespace qkv::cpu
