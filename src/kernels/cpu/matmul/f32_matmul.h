// Matrix products with sums and factors in f32, on any instruction set; rows and weights in bf16 are converted on the way.
#pragma once

#include "kernels/params.h"

namespace qkv::cpu {

// Packed weights of format f32_panels: columns of a panel, and the packing.
int64_t f32_panel_width();
void f32_pack_b(const View& b, bool transpose_b, void* packed);

// As MatmulParams says, but for `activated` and `before`. packed_b, where given, is of f32_pack_b.
void f32_matmul(const MatmulParams& p);

}  // namespace qkv::cpu
