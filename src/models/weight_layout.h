// Copies between our weight and the file's tensor, which holds it unchanged, transposed, less one, or as some of its outputs.
#pragma once

#include "models/weight_names.h"
#include "tensor/tensor.h"

namespace qkv {

// The shape of the file's tensor that holds a weight of shape `ours`.
Shape their_shape(const TheirWeight& place, const Shape& ours);

// Copy from their tensor to `ours`, or from `ours` into theirs. All tensors are f32 on the CPU.
void take_from(const Tensor& theirs, const TheirWeight& place, const Tensor& ours);
void put_into(const Tensor& theirs, const TheirWeight& place, const Tensor& ours);

}  // namespace qkv
