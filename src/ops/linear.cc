#include "ops/ops.h"
#include "ops/packed_weight.h"

namespace qkv {
namespace {

// dx (+)= dy W; dW (+)= dy^T x; db (+)= column sums of dy.
void linear_backward(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& dy) {
  const KernelTable& kernels = kernels_for(x);
  if (const GradientSlot dx = gradient_slot(x)) {
    kernels.matmul({.a = dy.view(),
                    .b = weight.view(),
                    .out = dx.view,
                    .accumulate = dx.accumulate,
                    .packed_b = packed_weight(weight, false, dy.dtype())});
  }
  const GradientSlot dw = gradient_slot(weight), db = bias ? gradient_slot(bias) : GradientSlot();
  if (dw) {
    kernels.matmul({.a = dy.view(),
                    .b = x.view(),
                    .out = dw.view,
                    .transpose_a = true,
                    .accumulate = dw.accumulate,
                    .a_sums = db.view,
                    .accumulate_a_sums = db.accumulate});
  } else if (db) {
    kernels.column_sum({.x = dy.view(), .out = db.view, .accumulate = db.accumulate});
  }
}

Tensor linear_of_type(const Tensor& x, const Tensor& weight, const Tensor& bias, DType dtype, Activation activation) {
  QKV_CHECK(weight.dim(1) == x.cols(), "[linear] weight is {}, the rows of x have {} values", to_string(weight.shape()), x.cols());
  QKV_CHECK(!bias || bias.numel() == weight.dim(0), "[linear] bias has {} values, weight is {}", bias.numel(), to_string(weight.shape()));
  Tensor y = Tensor::empty({x.rows(), weight.dim(0)}, dtype, x.device());
  kernels_for(x).matmul({.a = x.view(),
                         .b = weight.view(),
                         .out = y.view(),
                         .bias = bias.view(),
                         .transpose_b = true,
                         .activation = activation,
                         .packed_b = packed_weight(weight, true, x.dtype())});
  record(y, {x, weight, bias}, [=](const Tensor& dy) {
    // dy is ours and ends here: it becomes the gradient before the activation in place.
    if (activation != Activation::none)
      kernels_for(x).activation_backward({.x = y.view(), .dy = dy.view(), .dx = dy.view(), .activation = activation});
    linear_backward(x, weight, bias, dy);
  });
  return y;
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, FusedActivation activation) {
  return linear_of_type(x, weight, bias, x.dtype(), activation == FusedActivation::relu ? Activation::relu : Activation::none);
}
Tensor linear_f32(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return linear_of_type(x, weight, bias, statistics_type(x), Activation::none);
}

}  // namespace qkv
