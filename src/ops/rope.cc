#include <memory>

#include "ops/ops.h"
#include "tensor/device_indices.h"

namespace qkv {

Tensor rope(const Tensor& x, const Tensor& cosines, const Tensor& sines, std::span<const int32_t> position_of, int num_heads,
            RotaryPairs layout) {
  QKV_CHECK(num_heads > 0 && x.cols() % num_heads == 0, "[rope] {} heads do not divide the {} columns of x", num_heads, x.cols());
  QKV_CHECK(cosines.shape() == sines.shape() && 2 * cosines.cols() <= x.cols() / num_heads,
            "[rope] cosines are {} and sines {}; a head of {} columns has room for {} pairs", to_string(cosines.shape()),
            to_string(sines.shape()), x.cols() / num_heads, x.cols() / num_heads / 2);
  QKV_CHECK(static_cast<int64_t>(position_of.size()) == x.rows(), "[rope] {} positions for {} rows", position_of.size(), x.rows());
  for (const int32_t position : position_of) {
    QKV_CHECK(position >= 0 && position < cosines.rows(), "[rope] position {} is outside of 0 to {}", position, cosines.rows() - 1);
  }
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  const DeviceIndices positions_there(position_of, x.device());
  RopeParams params{.x = x.view(),
                    .y = y.view(),
                    .cosines = cosines.view(),
                    .sines = sines.view(),
                    .position_of = positions_there.data(),
                    .num_heads = num_heads,
                    .layout = layout};
  kernels_for(x).rope(params);
  if (!wants_gradient({x})) return y;
  auto kept = std::make_shared<std::vector<int32_t>>(position_of.begin(), position_of.end());
  record(y, {x}, [=](const Tensor& dy) {
    const GradientSlot dx = gradient_slot(x);
    if (!dx) return;
    const DeviceIndices positions_there(*kept, x.device());
    kernels_for(x).rope({.x = dy.view(),
                         .y = dx.view,
                         .cosines = cosines.view(),
                         .sines = sines.view(),
                         .position_of = positions_there.data(),
                         .num_heads = num_heads,
                         .layout = layout,
                         .transpose = true,
                         .accumulate = dx.accumulate});
  });
  return y;
}

}  // namespace qkv
