// Measures the machine's limit for bf16 products.
#pragma once

#include <cstdint>

namespace qkv::cpu {

enum class Operands { kept, read };  // zeros that stay in registers; random numbers of both signs, read from L1

// Multiplies such operands on this thread: tiles on AMX, otherwise vectors (Isa::avx512_bf16). Returns the number of floating-point
// operations.
int64_t run_bf16_products(int64_t rounds, Operands operands);

}  // namespace qkv::cpu
