#include "ops/ops.h"

namespace qkv {
namespace {

// x.rows() is a multiple of the number of weights.
void check_weight(const char* op, const Tensor& x, const Tensor& weight) {
  const int64_t values = weight.numel(), size = x.cols();
  QKV_CHECK(values > 0 && values % size == 0 && x.rows() % (values / size) == 0, "[{}] weight has {} values, x is {}", op, values,
            to_string(x.shape()));
}

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
  check_weight("layer_norm", x, weight);
  QKV_CHECK(!bias || bias.shape() == weight.shape(), "[layer_norm] weight is {}, bias {}", to_string(weight.shape()),
            to_string(bias.shape()));
  return norm(x, weight, bias, epsilon, true);
}

Tensor rms_norm(const Tensor& x, const Tensor& weight, float epsilon) {
  check_weight("rms_norm", x, weight);
  return norm(x, weight, {}, epsilon, false);
}

}  // namespace qkv
