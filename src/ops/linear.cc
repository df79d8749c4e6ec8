#include "ops/ops.h"
#include "ops/weight_gradient.h"
#include "tensor/weight_forms.h"

namespace qkv {

namespace {

// y = x W^T + b.
MatmulParams product_of(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y) {
  const auto [b, packed] = product_weight(weight, true, x.dtype());
  return {.a = x.view(), .b = b, .out = y.view(), .bias = bias.view(), .transpose_b = true, .packed_b = packed};
}

// dx (+)= dy W.
MatmulParams input_gradient(const Tensor& dy, const Tensor& weight, const GradientSlot& dx) {
  const auto [b, packed] = product_weight(weight, false, dy.dtype());
  return {.a = dy.view(), .b = b, .out = dx.view, .accumulate = dx.accumulate, .packed_b = packed};
}

}  // namespace

void weight_backward(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& dy) {
  const KernelTable& kernels = kernels_for(x);
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

namespace {

// dx (+)= dy W, and the gradients of the weight and bias.
void linear_backward(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& dy) {
  if (const GradientSlot dx = gradient_slot(x)) kernels_for(x).matmul(input_gradient(dy, weight, dx));
  weight_backward(x, weight, bias, dy);
}

void check_linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  QKV_CHECK(weight.dim(1) == x.cols(), "[linear] weight is {}, the rows of x have {} values", to_string(weight.shape()), x.cols());
  QKV_CHECK(!bias || bias.numel() == weight.dim(0), "[linear] bias has {} values, weight is {}", bias.numel(), to_string(weight.shape()));
}

Tensor linear_of_type(const Tensor& x, const Tensor& weight, const Tensor& bias, DType dtype) {
  check_linear(x, weight, bias);
  Tensor y = Tensor::empty({x.rows(), weight.dim(0)}, dtype, x.device());
  kernels_for(x).matmul(product_of(x, weight, bias, y));
  record(y, {x, weight, bias}, [=](const Tensor& dy) { linear_backward(x, weight, bias, dy); });
  return y;
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) { return linear_of_type(x, weight, bias, x.dtype()); }
Tensor linear_f32(const Tensor& x, const Tensor& weight, const Tensor& bias) { return linear_of_type(x, weight, bias, statistics_type(x)); }

std::vector<Tensor> linears(const Tensor& x, std::span<const LinearWeights> weights) {
  std::vector<Tensor> ys, inputs{x};
  for (const auto& [weight, bias] : weights) {
    check_linear(x, weight, bias);
    ys.push_back(Tensor::empty({x.rows(), weight.dim(0)}, x.dtype(), x.device()));
    kernels_for(x).matmul(product_of(x, weight, bias, ys.back()));
    inputs.insert(inputs.end(), {weight, bias});
  }
  record(ys, inputs, [x, all = std::vector(weights.begin(), weights.end())](std::span<const Tensor> dys) {
    for (size_t i = 0; i < all.size(); ++i) {
      if (dys[i]) linear_backward(x, all[i].weight, all[i].bias, dys[i]);
    }
  });
  return ys;
}

Tensor feed_forward(const Tensor& x, const LinearWeights& first, Activation activation, const DropoutParams& dropout,
                    const LinearWeights& second) {
  check_linear(x, first.weight, first.bias);
  const KernelTable& kernels = kernels_for(x);
  const auto rows_of = [x](int64_t size) { return Tensor::empty({x.rows(), size}, x.dtype(), x.device()); };
  const bool relu = activation == Activation::relu, dropped = dropout.probability > 0;
  const Tensor inner = rows_of(first.weight.dim(0)), y = rows_of(second.weight.dim(0));
  check_linear(inner, second.weight, second.bias);
  {
    const Tensor activated = relu && !dropped ? inner : rows_of(inner.cols());
    MatmulParams product = product_of(x, first.weight, first.bias, inner);
    if (relu || !dropped) product.activation = activation;
    if (!relu && !dropped) product.activated = activated.view();
    kernels.matmul(product);
    if (dropped) kernels.activation({.x = inner.view(), .y = activated.view(), .activation = activation, .dropout = dropout});
    kernels.matmul(product_of(activated, second.weight, second.bias, y));
  }
  record(y, {x, first.weight, first.bias, second.weight, second.bias}, [=, &kernels](const Tensor& dy) {
    const Tensor dinner = rows_of(inner.cols()), activated = relu && !dropped ? inner : rows_of(inner.cols());
    MatmulParams product = input_gradient(dy, second.weight, {dinner.view()});
    if (!dropped) {
      product.activation = activation;
      product.before = inner.view();
      if (!relu) product.activated = activated.view();
    }
    kernels.matmul(product);
    if (dropped) {
      kernels.activation_backward({.x = inner.view(),
                                   .dy = dinner.view(),
                                   .dx = dinner.view(),
                                   .activation = activation,
                                   .dropout = dropout,
                                   .y = activated.view()});
    }
    weight_backward(activated, second.weight, second.bias, dy);
    linear_backward(x, first.weight, first.bias, dinner);
  });
  return y;
}

}  // namespace qkv
