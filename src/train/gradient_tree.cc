#include "train/gradient_tree.h"

#include <utility>

#include "base/error.h"
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

void GradientTree::add(double loss) {
  Subtree slice{.sum = {.loss = loss}};
  for (const Parameter& parameter : parameters_.all()) {
    slice.sum.gradients.push_back(parameter.value.grad());
    parameter.value.clear_grad();
  }
  open_.push_back(std::move(slice));
  while (open_.size() > 1 && open_[open_.size() - 2].height == open_.back().height) {
    Subtree right = std::move(open_.back());
    open_.pop_back();
    Subtree& left = open_.back();
    for (size_t i = 0; i < left.sum.gradients.size(); ++i)
      left.sum.gradients[i] = sum_of(std::move(left.sum.gradients[i]), std::move(right.sum.gradients[i]));
    left.sum.loss += right.sum.loss;
    ++left.height;
  }
}

Tensor GradientTree::complete(size_t parameter) {
  Tensor sum = parameters_.all()[parameter].value.grad();
  parameters_.all()[parameter].value.clear_grad();
  for (size_t i = open_.size(); i > 0; --i) {
    QKV_CHECK(open_[i - 1].height == static_cast<int>(open_.size() - i), "[gradient tree] the number of slices is no power of two");
    sum = sum_of(std::move(open_[i - 1].sum.gradients[parameter]), std::move(sum));
  }
  return sum;
}

double GradientTree::complete_loss(double loss) const {
  for (size_t i = open_.size(); i > 0; --i) loss = open_[i - 1].sum.loss + loss;
  return loss;
}

void set_gradients(ParameterStore& parameters, const GradientSum& sum) {
  for (size_t i = 0; i < sum.gradients.size(); ++i) {
    if (sum.gradients[i]) add_gradient(parameters.all()[i].value, sum.gradients[i]);
  }
}

}  // namespace qkv
