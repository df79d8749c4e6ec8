// The machine's limit for products of bf16.
#pragma once

#include <cstdint>

namespace qkv::cpu {

// Products of operands that stay in registers, on this thread: on AMX of tiles, else of vectors (Isa::avx512_bf16). Returns how many
// floating-point operations these were.
int64_t run_bf16_products(int64_t rounds);

}  // namespace qkv::cpu
