#include "ops/ops.h"

namespace qkv {

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float epsilon) {
  QKV_CHECK(weight.numel() == x.cols() && bias.numel() == x.cols(), "[layer_norm] weight has {} and bias {} values, the rows of x have {}",
            weight.numel(), bias.numel(), x.cols());
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  Tensor mean, inverse_deviation;
  if (wants_gradient({x, weight, bias})) {
    mean = Tensor::empty({x.rows()}, statistics_type(x), x.device());
    inverse_deviation = Tensor::empty({x.rows()}, statistics_type(x), x.device());
  }
  kernels_for(x).layer_norm({x.view(), weight.view(), bias.view(), y.view(), mean.view(), inverse_deviation.view(), epsilon});
  record(y, {x, weight, bias}, [=](const Tensor& dy) {
    const GradientSlot dx = gradient_slot(x);
    kernels_for(x).layer_norm_backward({.x = x.view(),
                                        .weight = weight.view(),
                                        .mean = mean.view(),
                                        .inverse_deviation = inverse_deviation.view(),
                                        .dy = dy.view(),
                                        .dx = dx.view,
                                        .dweight = gradient_sum(weight),
                                        .dbias = gradient_sum(bias),
                                        .accumulate = dx.accumulate});
  });
  return y;
}

}  // namespace qkv
