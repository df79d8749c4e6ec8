// The machine's limit for products of bf16.
#pragma once

#include <cstdint>

namespace qkv::cpu {

enum class Operands { kept, read };  // zeros that stay in registers; random numbers of both signs, read from L1

// Products of such operands, on this thread: on AMX of tiles, else of vectors (Isa::avx512_bf16). Returns how many floating-point
// operations these were.
int64_t run_bf16_products(int64_t rounds, Operands operands);

}  // namespace qkv::cpu
