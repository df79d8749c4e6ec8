// Matrix products of bf16 rows on AMX's tiles, in place of oneDNN on CPUs that have them.
//
// Bound by the tile unit: 16 cycles for 16 x 16 x 32, two cores at 2.6 GHz 5.3 TFLOP/s. Sums of 32 x 32 (four tiles) stay in tile registers
// for the whole depth, so that a step of 32 loads four tiles for four products. Rows of a are read where they lie, weights from a packed
// form made straight from f32 (amx_pack.h); a weight's gradient packs both factors of a block of tokens on the way. Every sum runs over
// depth in one order, whatever the cut and the neighbours.
#pragma once

#include "kernels/params.h"

namespace qkv::cpu {

// The form of b that amx_matmul reads.
int64_t amx_packed_b_size(const View& b, bool transpose_b);
void amx_pack_b(const View& b, bool transpose_b, void* packed);

// As MatmulParams says, for a in bf16, where amx_activates. packed_b, where given, is of amx_pack_b.
void amx_matmul(const MatmulParams& p);

// Can the product's end do what is asked of the activation?
inline bool amx_activates(const MatmulParams& p) {
  const bool plain = p.activation <= Activation::relu && !p.activated && !p.before;
  const bool both_ways =
      p.activation == Activation::gelu || p.activation == Activation::gelu_tanh || (p.activation == Activation::relu && !p.activated);
  return plain || p.accumulate || (both_ways && !p.transpose_a && p.out.dtype == DType::bf16);
}

}  // namespace qkv::cpu
