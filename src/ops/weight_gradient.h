// The gradient of a weight and its bias, for every op that multiplies by a weight.
#pragma once

#include "tensor/tensor.h"

namespace qkv {

// dW (+)= dy^T x; db (+)= column sums of dy; each only if it requires a gradient. bias may be empty.
void weight_backward(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& dy);

}  // namespace qkv
