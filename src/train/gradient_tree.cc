#include "train/gradient_tree.h"

#include <functional>

#include "tensor/tape.h"

namespace qkv {
namespace {

// left += right, which is the result. A gradient that one of them lacks counts as zeros, as it does between processes: adding zeros turns
// -0 into 0.
Tensor sum_of(Tensor left, Tensor right) {
  if (!left && !right) return {};
  if (!left) left = Tensor::zeros(right.shape(), right.dtype(), right.device());
  if (!right) right = Tensor::zeros(left.shape(), left.dtype(), left.device());
  kernels_for(left).copy({.x = right.view(), .out = left.view(), .accumulate = true});
  return left;
}

}  // namespace

void GradientTree::add(size_t parameter) {
  const Tensor& value = parameters_.all()[parameter].value;
  Tensor gradient = value.grad();
  value.clear_grad();
  gradients_[parameter].add(std::move(gradient), sum_of);
}

void GradientTree::add_loss(double loss) { loss_.add(loss, std::plus<>()); }

}  // namespace qkv
