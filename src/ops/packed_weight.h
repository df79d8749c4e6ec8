// Weights in the form the matmul kernel reads, made once per change of the weight.
#pragma once

#include "tensor/tensor.h"

namespace qkv {

// The packed form of `weight` as matmul's b ([out, in] where transpose, as in x W^T), or empty where the device packs nothing. Valid
// until the weight changes; rows_type is the type of the other factor. Not for weights that several threads pack at once.
PackedMatrix packed_weight(const Tensor& weight, bool transpose, DType rows_type);

}  // namespace qkv
