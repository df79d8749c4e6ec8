#include "ops/ops.h"

namespace qkv {

Tensor scaled(const Tensor& x, float factor) {
  const Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  kernels_for(x).copy({.x = x.view(), .out = y.view(), .scale = factor});
  record(y, {x}, [=](const Tensor& dy) {
    if (const GradientSlot dx = gradient_slot(x)) {
      kernels_for(x).copy({.x = dy.view(), .out = dx.view, .scale = factor, .accumulate = dx.accumulate});
    }
  });
  return y;
}

Tensor activate(const Tensor& x, Activation activation, const DropoutParams& dropout) {
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  kernels_for(x).activation({.x = x.view(), .y = y.view(), .activation = activation, .dropout = dropout});
  record(y, {x}, [=](const Tensor& dy) {
    if (const GradientSlot dx = gradient_slot(x)) {
      kernels_for(x).activation_backward(
          {.x = x.view(), .dy = dy.view(), .dx = dx.view, .activation = activation, .dropout = dropout, .accumulate = dx.accumulate});
    }
  });
  return y;
}

Tensor gated_activation(const Tensor& gate, const Tensor& up, Activation activation) {
  QKV_CHECK(gate.shape() == up.shape(), "[gated_activation] the gate is {}, what it gates {}", to_string(gate.shape()),
            to_string(up.shape()));
  Tensor y = Tensor::empty(gate.shape(), gate.dtype(), gate.device());
  kernels_for(gate).gated_activation({gate.view(), up.view(), y.view(), activation});
  record(y, {gate, up}, [=](const Tensor& dy) {
    const GradientSlot dgate = gradient_slot(gate), dup = gradient_slot(up);
    kernels_for(gate).gated_activation_backward({.gate = gate.view(),
                                                 .up = up.view(),
                                                 .dy = dy.view(),
                                                 .dgate = dgate.view,
                                                 .dup = dup.view,
                                                 .activation = activation,
                                                 .accumulate_gate = dgate.accumulate,
                                                 .accumulate_up = dup.accumulate});
  });
  return y;
}

Tensor xielu(const Tensor& x, const XieluWeights& weights) {
  for (const Tensor& number : {weights.alpha_p, weights.alpha_n, weights.beta, weights.epsilon})
    QKV_CHECK(number.numel() == 1, "[xielu] a number of {} values", number.numel());
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  const XieluParams params{x.view(), y.view(), weights.alpha_p.view(), weights.alpha_n.view(), weights.beta.view(), weights.epsilon.view()};
  kernels_for(x).xielu(params);
  record(y, {x, weights.alpha_p, weights.alpha_n}, [=, numbers = weights](const Tensor& dy) {
    const GradientSlot dx = gradient_slot(x);
    kernels_for(x).xielu_backward(
        {.forward = {x.view(), {}, numbers.alpha_p.view(), numbers.alpha_n.view(), numbers.beta.view(), numbers.epsilon.view()},
         .dy = dy.view(),
         .dx = dx.view,
         .dalpha_p = gradient_sum(numbers.alpha_p),
         .dalpha_n = gradient_sum(numbers.alpha_n),
         .accumulate = dx.accumulate});
  });
  return y;
}

Tensor clamp(const Tensor& x, float limit) {
  QKV_CHECK(limit >= 0, "[clamp] a limit of {}", limit);
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  kernels_for(x).clamp({x.view(), y.view(), limit});
  record(y, {x}, [=](const Tensor& dy) {
    if (const GradientSlot dx = gradient_slot(x)) {
      kernels_for(x).clamp_backward({.x = x.view(), .dy = dy.view(), .dx = dx.view, .limit = limit, .accumulate = dx.accumulate});
    }
  });
  return y;
}

Tensor dropout_add(const Tensor& x, const Tensor& residual, const DropoutParams& dropout, Into into) {
  QKV_CHECK(!residual || residual.shape() == x.shape(), "[dropout_add] x is {}, the residual {}", to_string(x.shape()),
            to_string(residual.shape()));
  Tensor sum = into == Into::x ? x.row_range(0, x.rows()) : Tensor::empty(x.shape(), x.dtype(), x.device());
  kernels_for(x).dropout_add({.x = x.view(), .residual = residual.view(), .sum = sum.view(), .dropout = dropout});
  record(sum, {x, residual}, [=](const Tensor& dsum) {
    if (const GradientSlot dx = gradient_slot(x)) {
      kernels_for(x).dropout_add({.x = dsum.view(), .residual = dx.accumulate ? dx.view : View{}, .sum = dx.view, .dropout = dropout});
    }
    if (residual) add_gradient(residual, dsum);  // after dx: dsum's memory may become the residual's gradient
  });
  return sum;
}

void copy_rows(const Tensor& from, const Tensor& to, int64_t first_row_of_to) {
  QKV_CHECK(from.cols() == to.cols(), "[copy_rows] rows of {} values into rows of {}", from.cols(), to.cols());
  to.row_range(first_row_of_to, from.rows()).copy_from(from);
}

}  // namespace qkv
