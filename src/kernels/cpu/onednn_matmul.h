// Matrix products through oneDNN: what AVX-512 machines use, and AMX ones in f32 (bf16: amx_matmul.h). Below that ours is at least as fast
// (f32, one AVX2 core at 3.5 GHz: ours 88 to 91 GFLOP/s at a Transformer's shapes with packed weights, dnnl_sgemm 81 to 95 and no packed
// form).
//
// oneDNN runs inside our threads on fixed shapes: tokens are cut into slabs of 128 rows, the last one is padded, so that a batch of any
// number of tokens meets primitives that exist already. Each thread has its own primitives (one object run by two threads is slow).
#pragma once

#include "kernels/params.h"

namespace qkv::cpu {

// Can oneDNN compute products of `a_type` rows on this machine: bf16 needs AVX-512.
bool onednn_supports(DType a_type);

// b converted to a_type and laid out as oneDNN likes it; empty matrices are not packed.
int64_t onednn_packed_b_size(const View& b, bool transpose_b, DType a_type);
void onednn_pack_b(const View& b, bool transpose_b, DType a_type, void* packed);

// As MatmulParams says. packed_b, where given, is of onednn_pack_b with a's type.
void onednn_matmul(const MatmulParams& p);

}  // namespace qkv::cpu
