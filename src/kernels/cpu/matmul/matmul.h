// Chooses the kernel of a matrix product.
#pragma once

#include "kernels/params.h"

namespace qkv::cpu {

// f32 vectors (f32_matmul.h), bf16 dot products, or bf16 tiles (bf16_matmul.h).
enum class MatmulProgram : uint8_t { f32, bf16_dots, bf16_tiles };

// Depends on the instruction set in use, the type of the rows and, for a weight's gradient, their number; never on strides.
MatmulProgram program_of(const MatmulParams& p);

}  // namespace qkv::cpu
