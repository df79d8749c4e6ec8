#include "ops/output_loss.h"

#include <algorithm>
#include <cmath>
#include <numeric>
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

// gradient: that of each output, with the scale.
CrossEntropyResult result_of(const Tensor& outputs, double sum, const std::vector<double>& gradient, float scale, DType gradient_type) {
  const CrossEntropyResult result{tensor_of({scale * sum}, {1}, outputs.dtype(), outputs.device()), sum, sum};
  if (wants_gradient({outputs})) {
    const Tensor slopes = tensor_of(gradient, outputs.shape(), gradient_type, outputs.device());
    record(result.loss, {outputs}, [=](const Tensor&) { add_gradient(outputs, slopes); });
  }
  return result;
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
  return result_of(outputs, sum, gradient, scale, gradient_type);
}

CrossEntropyResult group_loss(const Tensor& outputs, std::span<const int32_t> groups, std::span<const int32_t> targets, float scale,
                              DType gradient_type) {
  QKV_CHECK(groups.size() == targets.size() && std::accumulate(groups.begin(), groups.end(), int64_t{0}) == outputs.numel(),
            "[group_loss] {} groups and {} targets for {} outputs", groups.size(), targets.size(), outputs.numel());
  std::vector<double> values = host_values(outputs);
  double sum = 0;
  size_t begin = 0;
  for (size_t i = 0; i < groups.size(); ++i) {
    const std::span<double> group = std::span(values).subspan(begin, static_cast<size_t>(groups[i]));
    QKV_CHECK(targets[i] >= 0 && targets[i] < groups[i], "[group_loss] target {} of a group of {}", targets[i], groups[i]);
    const double largest = *std::max_element(group.begin(), group.end()), right = group[static_cast<size_t>(targets[i])];
    double total = 0;
    for (double& x : group) total += x = std::exp(x - largest);
    sum += std::log(total) + largest - right;
    for (double& x : group) x *= scale / total;
    group[static_cast<size_t>(targets[i])] -= scale;
    begin += group.size();
  }
  return result_of(outputs, sum, values, scale, gradient_type);
}

}  // namespace qkv
