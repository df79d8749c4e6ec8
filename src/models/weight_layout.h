// Between our weight and the tensor of a file that holds it: as it is, transposed, or as some of its outputs.
#pragma once

#include "models/weight_names.h"
#include "tensor/tensor.h"

namespace qkv {

// The shape of the tensor that holds a weight of the shape `ours`.
Shape their_shape(const TheirWeight& place, const Shape& ours);

// Fill `ours` from theirs, or the place of it in theirs. All f32 on the CPU.
void take_from(const Tensor& theirs, const TheirWeight& place, const Tensor& ours);
void put_into(const Tensor& theirs, const TheirWeight& place, const Tensor& ours);

}  // namespace qkv
