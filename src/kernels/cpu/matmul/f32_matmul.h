// Matrix products with f32 factors and sums, on any instruction set; rows and weights in bf16 are converted on the way.
#pragma once

#include "kernels/params.h"

namespace qkv::cpu {

// The format f32_panels: columns of a panel, and packing.
int64_t f32_panel_width();
void f32_pack_b(const View& b, bool transpose_b, void* packed);

// As specified by MatmulParams, without `activated` and `before`. packed_b, if given, must come from f32_pack_b.
void f32_matmul(const MatmulParams& p);

}  // namespace qkv::cpu
