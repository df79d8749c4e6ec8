#include "ops/output_loss.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/bf16.h"
#include "tensor/host_values.h"

namespace qkv {
namespace {

struct LossAndSlope {
  double loss, slope;
};

LossAndSlope loss_at(double x, double target, OutputLoss kind) {
  if (kind == OutputLoss::squared_error) return {(x - target) * (x - target), 2 * (x - target)};
  const double e = std::exp(-std::abs(x)), sigmoid = x >= 0 ? 1 / (1 + e) : e / (1 + e);
  return {std::max(x, 0.0) - x * target + std::log1p(e), sigmoid - target};
}

std::vector<double> host_values(const Tensor& x) {
  std::vector<double> values(static_cast<size_t>(x.numel()));
  const auto take = [&](const auto& from) { std::copy_n(from.data(), values.size(), values.begin()); };
  x.dtype() == DType::f64 ? take(HostValues<double>(x)) : take(HostValues<float>(x));
  return values;
}

template <typename T, typename Convert>
void write(const Tensor& to, const std::vector<double>& values, Convert convert) {
  write_on_host<T>(to, Before::anything, [&](T* out) { std::transform(values.begin(), values.end(), out, convert); });
}

Tensor tensor_of(const std::vector<double>& values, const Shape& shape, DType dtype, Device device) {
  const Tensor tensor = Tensor::empty(shape, dtype, device);
  if (dtype == DType::f64) write<double>(tensor, values, [](double x) { return x; });
  if (dtype == DType::f32) write<float>(tensor, values, [](double x) { return static_cast<float>(x); });
  if (dtype == DType::bf16) write<bf16>(tensor, values, [](double x) { return to_bf16(static_cast<float>(x)); });
  return tensor;
}

}  // namespace

CrossEntropyResult output_loss(const Tensor& outputs, std::span<const float> targets, OutputLoss kind, float scale, DType gradient_type) {
  QKV_CHECK(std::ssize(targets) == outputs.numel(), "[output_loss] {} targets for {} outputs", targets.size(), outputs.numel());
  std::vector<double> gradient = host_values(outputs);
  double sum = 0;
  for (size_t i = 0; i < gradient.size(); ++i) {
    const auto [loss, slope] = loss_at(gradient[i], targets[i], kind);
    sum += loss;
    gradient[i] = scale * slope;
  }
  const CrossEntropyResult result{tensor_of({scale * sum}, {1}, outputs.dtype(), outputs.device()), sum, sum};
  if (wants_gradient({outputs})) {
    const Tensor slopes = tensor_of(gradient, outputs.shape(), gradient_type, outputs.device());
    record(result.loss, {outputs}, [=](const Tensor&) { add_gradient(outputs, slopes); });
  }
  return result;
}

}  // namespace qkv
