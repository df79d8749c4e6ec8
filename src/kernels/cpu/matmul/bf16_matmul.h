// Matrix products of bf16 rows on AMX's tiles or AVX-512's bf16 dot products; sums in f32.
//
// Bound by the unit: TDPBF16PS takes 16 cycles for 16 x 16 x 32 (two Xeon cores at 2.6 GHz: 5.3 TFLOP/s), VDPBF16PS one cycle for 16 x 2
// (two Zen 4 cores at 3.6 GHz: 0.46 TFLOP/s, 99 % of it reached from L1). Both units read the same packed weights, made straight from f32
// (bf16_pack-inl.h), and rows of a in place; for a weight's gradient both factors of a block of tokens are packed on the way. Every sum
// runs over depth in one order, whatever the partition and the neighbours.
#pragma once

#include "kernels/params.h"

namespace qkv::cpu {

// Bytes of packed weights in format bf16_tiles.
int64_t bf16_tiles_size(int64_t depth, int64_t columns);
void bf16_pack_b(const View& b, bool transpose_b, void* packed);

// As specified by MatmulParams, for a in bf16 and if bf16_activates. packed_b, if given, must come from bf16_pack_b.
void bf16_matmul(const MatmulParams& p);

// True if the product's epilogue supports the requested activation.
inline bool bf16_activates(const MatmulParams& p) {
  const bool plain = p.activation <= Activation::relu && !p.activated && !p.before;
  const bool both_ways =
      p.activation == Activation::gelu || p.activation == Activation::gelu_tanh || (p.activation == Activation::relu && !p.activated);
  return plain || p.accumulate || (both_ways && !p.transpose_a && p.out.dtype == DType::bf16);
}

}  // namespace qkv::cpu
