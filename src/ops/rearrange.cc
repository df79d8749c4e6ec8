#include "ops/ops.h"
#include "tensor/device_indices.h"

namespace qkv {
namespace {

View columns(const View& x, int64_t first, int64_t count) {
  return {x.as<char>() + first * size_of(x.dtype), x.rows, count, x.stride, x.dtype};
}

}  // namespace

Tensor reorder_rows(const Tensor& x, std::span<const int32_t> order, std::span<const int32_t> place) {
  QKV_CHECK(static_cast<int64_t>(order.size()) == x.rows() && order.size() == place.size(), "[reorder_rows] an order of {} rows for {}",
            order.size(), to_string(x.shape()));
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  const DeviceIndices order_there(order, x.device());
  kernels_for(x).gather_rows({.x = x.view(), .index = order_there.data(), .out = y.view()});
  record(y, {x}, [=, back = std::vector<int32_t>(place.begin(), place.end())](const Tensor& dy) {
    const DeviceIndices back_there(back, x.device());
    if (const GradientSlot dx = gradient_slot(x))
      kernels_for(x).gather_rows({.x = dy.view(), .index = back_there.data(), .out = dx.view, .accumulate = dx.accumulate});
  });
  return y;
}

Tensor concatenate_columns(const Tensor& x, const Tensor& y) {
  QKV_CHECK(x.rows() == y.rows(), "[concatenate_columns] {} beside {}", to_string(x.shape()), to_string(y.shape()));
  Tensor both = Tensor::empty({x.rows(), x.cols() + y.cols()}, x.dtype(), x.device());
  const KernelTable& kernels = kernels_for(x);
  kernels.gather_rows({.x = x.view(), .out = columns(both.view(), 0, x.cols())});
  kernels.gather_rows({.x = y.view(), .out = columns(both.view(), x.cols(), y.cols())});
  record(both, {x, y}, [=](const Tensor& dboth) {
    int64_t first = 0;
    for (const Tensor& part : {x, y}) {
      if (const GradientSlot d = gradient_slot(part))
        kernels_for(x).gather_rows({.x = columns(dboth.view(), first, part.cols()), .out = d.view, .accumulate = d.accumulate});
      first += part.cols();
    }
  });
  return both;
}

Tensor converted(const Tensor& x, DType dtype) {
  Tensor y = x.to(dtype);
  record(y, {x}, [x](const Tensor& dy) { add_gradient(x, dy.to(x.dtype())); });
  return y;
}

Tensor reshape(const Tensor& x, Shape shape) {
  Tensor y = x.reshaped(std::move(shape));
  record(y, {x}, [x](const Tensor& dy) { add_gradient(x, dy.reshaped(x.shape())); });
  return y;
}

}  // namespace qkv
