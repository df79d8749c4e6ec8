#include "ops/ops.h"

namespace qkv {
namespace {

// RMSNorm if `bias` is empty and `center` is false.
Tensor norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float epsilon, bool center) {
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  Tensor mean, inverse_deviation;
  if (wants_gradient({x, weight, bias})) {
    mean = Tensor::empty({x.rows()}, statistics_type(x), x.device());
    inverse_deviation = Tensor::empty({x.rows()}, statistics_type(x), x.device());
  }
  kernels_for(x).layer_norm({x.view(), weight.view(), bias.view(), y.view(), mean.view(), inverse_deviation.view(), epsilon, center});
  record(y, {x, weight, bias}, [=](const Tensor& dy) {
    const GradientSlot dx = gradient_slot(x);
    kernels_for(x).layer_norm_backward({.x = x.view(),
                                        .weight = weight.view(),
                                        .mean = mean.view(),
                                        .inverse_deviation = inverse_deviation.view(),
                                        .dy = dy.view(),
                                        .dx = dx.view,
                                        .dweight = gradient_sum(weight),
                                        .dbias = bias ? gradient_sum(bias) : View{},
                                        .accumulate = dx.accumulate,
                                        .center = center});
  });
  return y;
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float epsilon) {
  QKV_CHECK(weight.numel() == x.cols() && (!bias || bias.numel() == x.cols()),
            "[layer_norm] weight is {} and bias {}, the rows of x have {} values", to_string(weight.shape()),
            bias ? to_string(bias.shape()) : "empty", x.cols());
  return norm(x, weight, bias, epsilon, true);
}

Tensor rms_norm(const Tensor& x, const Tensor& weight, float epsilon) {
  QKV_CHECK(weight.numel() == x.cols(), "[rms_norm] weight has {} values, the rows of x have {}", weight.numel(), x.cols());
  return norm(x, weight, {}, epsilon, false);
}

}  // namespace qkv
