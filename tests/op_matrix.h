// Shared by the tests of ops: random tensors on the CPU and on the reference, errors between them, and finite differences.
#pragma once

#include <functional>
#include <vector>

#include "autograd/backward.h"
#include "base/philox.h"
#include "ops/ops.h"

namespace qkv::testing {

// The same standard normal values as f64 on the reference and as `dtype` on the CPU (the reference sees what the CPU's type holds).
struct Pair {
  Tensor cpu, reference;
};
inline Pair random_pair(Shape shape, DType dtype, uint32_t stream, float deviation = 1) {
  RandomStream random(7, stream);
  const int64_t count = Tensor::empty(shape, DType::f32).numel();
  std::vector<float> values(static_cast<size_t>(count));
  for (float& v : values) v = deviation * random.normal();
  Pair pair;
  pair.cpu = Tensor::from(values, shape, dtype);
  pair.reference = pair.cpu.to(DType::f64, Device::reference);
  pair.cpu.set_requires_grad(true);
  pair.reference.set_requires_grad(true);
  return pair;
}

// Largest |a - b| over the largest |b|.
inline double relative_error(const Tensor& a, const Tensor& b) {
  const std::vector<float> x = a.to_vector(), y = b.to_vector();
  double error = 0, largest = 1e-30;
  for (size_t i = 0; i < x.size(); ++i) {
    if (!(x[i] == x[i]) != !(y[i] == y[i])) return 1e30;
    error = std::max(error, std::abs(static_cast<double>(x[i]) - y[i]));
    largest = std::max(largest, std::abs(static_cast<double>(y[i])));
  }
  return error / largest;
}

// Runs `forward` under a tape and seeds its result with `dy`. The result's gradient flows into the inputs.
inline Tensor run_with_gradient(const std::function<Tensor()>& forward, const Tensor& dy) {
  Tape tape;
  Tensor y;
  {
    RecordScope scope(&tape);
    y = forward();
  }
  // A node that only passes dy on, so that any shape can be seeded.
  Tensor loss = Tensor::zeros({1}, statistics_type(y), y.device());
  {
    RecordScope scope(&tape);
    record(loss, {y}, [=](const Tensor&) { add_gradient(y, dy.to(y.dtype(), y.device())); });
  }
  backward(tape, loss);
  return y;
}

// d(sum(dy * f))/dx[i] by central differences on the reference, against the gradient that the tape gave.
inline double finite_difference_error(const std::function<Tensor()>& forward, const Tensor& x, const Tensor& dy, int64_t checks = 12) {
  const auto objective = [&] {
    const Tensor y = forward();
    double sum = 0;
    for (int64_t i = 0; i < y.numel(); ++i) sum += y.as<double>()[i] * dy.as<double>()[i];
    return sum;
  };
  double error = 0, largest = 1e-12;
  const int64_t step = std::max<int64_t>(1, x.numel() / checks);
  for (int64_t i = 0; i < x.numel(); i += step) {
    double& value = x.as<double>()[i];
    const double kept = value, h = 1e-5;
    value = kept + h;
    const double above = objective();
    value = kept - h;
    const double below = objective();
    value = kept;
    const double expected = (above - below) / (2 * h), got = x.grad().as<double>()[i];
    error = std::max(error, std::abs(expected - got));
    largest = std::max(largest, std::abs(expected));
  }
  return error / largest;
}

}  // namespace qkv::testing
