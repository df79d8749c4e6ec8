// The gradient of a weight and its bias, for every op with a product by a weight in it.
#pragma once

#include "tensor/tensor.h"

namespace qkv {

// dW (+)= dy^T x; db (+)= column sums of dy. Where they want a gradient; bias may be empty.
void weight_backward(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& dy);

}  // namespace qkv
