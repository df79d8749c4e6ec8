#include "ops/ops.h"
#include "ops/weight_gradient.h"
#include "tensor/device_indices.h"

namespace qkv {
namespace {

void check_recurrence(const Tensor& gates, const Tensor& weight, const Tensor& bias, const Segments& steps, int64_t columns) {
  QKV_CHECK(weight.dim(0) == columns && gates.cols() == columns && bias.numel() == columns,
            "[recurrence] gates are {}, the recurrent weight {}, its bias {}", to_string(gates.shape()), to_string(weight.shape()),
            to_string(bias.shape()));
  QKV_CHECK(gates.dtype() == statistics_type(gates) && weight.dtype() == gates.dtype(), "[recurrence] wants f32, gates are {}, weights {}",
            name_of(gates.dtype()), name_of(weight.dtype()));
  QKV_CHECK(steps.tokens() == gates.rows(), "[recurrence] {} rows in {} steps, gates are {}", steps.tokens(), steps.count(),
            to_string(gates.shape()));
  for (int64_t t = 1; t < steps.count(); ++t)
    QKV_CHECK(steps.length(t) <= steps.length(t - 1), "[recurrence] step {} has {} rows, the one before {}", t, steps.length(t),
              steps.length(t - 1));
}

// h of the previous step for each row, zeros if there is none.
Tensor states_before(const Tensor& h, const Segments& steps, bool reverse) {
  std::vector<int32_t> index(static_cast<size_t>(h.rows()), -1);
  for (int64_t t = 0; t < steps.count(); ++t) {
    const int64_t step = reverse ? t + 1 : t - 1;
    if (step < 0 || step >= steps.count()) continue;
    for (int32_t s = 0; s < std::min(steps.length(t), steps.length(step)); ++s) index[steps.begin(t) + s] = steps.begin(step) + s;
  }
  Tensor before = Tensor::empty(h.shape(), h.dtype(), h.device());
  const DeviceIndices index_there(index, h.device());
  kernels_for(h).gather_rows({.x = h.view(), .index = index_there.data(), .out = before.view()});
  return before;
}

}  // namespace

Tensor recurrence(const Tensor& gates, const Tensor& weight, const Tensor& bias, const Segments& steps, RecurrentCell cell, bool reverse) {
  const int64_t hidden = weight.dim(1);
  check_recurrence(gates, weight, bias, steps, gates_of(cell) * hidden);
  const auto rows_of = [&](int64_t columns) { return Tensor::empty({gates.rows(), columns}, gates.dtype(), gates.device()); };
  const Tensor h = rows_of(hidden), memory = cell == RecurrentCell::tanh ? Tensor() : rows_of(hidden);
  const auto parameters = [=] {
    return RecurrenceParams{cell, gates.view(), weight.view(), bias.view(), h.view(), memory.view(), steps.view(gates.device()), reverse};
  };
  kernels_for(gates).recurrence(parameters());
  record(h, {gates, weight, bias}, [=](const Tensor& dh) {
    // The gradients of the gates overwrite their values. For gru the gradient of W_hh h + b_hh differs from them and gets its own tensor.
    const Tensor dgates = gates.row_range(0, gates.rows());
    const Tensor dhidden = cell == RecurrentCell::gru ? Tensor::empty(gates.shape(), gates.dtype(), gates.device()) : Tensor();
    RecurrenceParams forward = parameters();
    kernels_for(gates).recurrence_backward({forward, dh.view(), dgates.view(), dhidden.view()});
    weight_backward(states_before(h, steps, reverse), weight, bias, dhidden ? dhidden : dgates);
    add_gradient(gates, dgates);
  });
  return h;
}

void recurrent_step(const Tensor& from_input, const Tensor& from_hidden, const Tensor& h, const Tensor& c, RecurrentCell cell) {
  const Shape wanted{h.rows(), gates_of(cell) * h.cols()};
  QKV_CHECK(from_input.shape() == wanted && from_hidden.shape() == wanted, "[recurrent_step] sums are {} and {}, the state is {}",
            to_string(from_input.shape()), to_string(from_hidden.shape()), to_string(h.shape()));
  kernels_for(h).recurrent_step({cell, from_input.view(), from_hidden.view(), h.view(), c.view()});
}

}  // namespace qkv
