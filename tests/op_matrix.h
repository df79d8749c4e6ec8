// Helpers for tests of ops: random tensors on the CPU and on the reference, errors, finite differences, and the op matrix. Each case of the
// matrix is checked on every instruction set, with every type, and with several numbers of threads.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "base/parallel.h"
#include "base/philox.h"
#include "ops/ops.h"

namespace qkv::testing {

// Equal standard normal values as f64 on the reference and as `dtype` on the CPU, rounded to `dtype` on both.
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

// Largest |a - b| divided by the largest |b|.
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

// Runs `forward` under a tape and uses `dy` as the gradient of its result, which flows back to the inputs.
inline Tensor run_with_gradient(const std::function<Tensor()>& forward, const Tensor& dy) {
  Tape tape;
  Tensor y;
  {
    RecordScope scope(&tape);
    y = forward();
  }
  // A node that only passes dy on, so that results of any shape can receive a gradient.
  Tensor loss = Tensor::zeros({1}, statistics_type(y), y.device());
  {
    RecordScope scope(&tape);
    record(loss, {y}, [=](const Tensor&) { add_gradient(y, dy.to(y.dtype(), y.device())); });
  }
  backward(tape, loss);
  return y;
}

// Compares the tape's gradient with d(sum(dy * f))/dx[i] by central differences on the reference.
inline double finite_difference_error(const std::function<Tensor()>& forward, const Tensor& x, const Tensor& dy, int64_t checks = 12) {
  const auto objective = [&] {
    const Tensor y = forward();
    double sum = 0;
    for (int64_t i = 0; i < y.numel(); ++i) sum += y.host<double>()[i] * dy.host<double>()[i];
    return sum;
  };
  double error = 0, largest = 1e-12;
  const int64_t step = std::max<int64_t>(1, x.numel() / checks);
  for (int64_t i = 0; i < x.numel(); i += step) {
    double& value = x.host<double>()[i];
    const double kept = value, h = 1e-5;
    value = kept + h;
    const double above = objective();
    value = kept - h;
    const double below = objective();
    value = kept;
    const double expected = (above - below) / (2 * h), got = x.grad().host<double>()[i];
    error = std::max(error, std::abs(expected - got));
    largest = std::max(largest, std::abs(expected));
  }
  return error / largest;
}

// An op as a function of its float inputs, with other arguments captured. The gradients of the inputs are compared too.
struct Case {
  std::string name;
  std::vector<Shape> inputs;
  std::function<Tensor(const std::vector<Tensor>&)> op;
  std::vector<bool> f32_only;  // inputs that stay f32 when activations are bf16: weights, tables
};

inline DropoutParams dropout_of(float probability) { return {probability, 1234567890123u, 5, 3}; }

// Restores the instruction set.
struct KeepIsa {
  Isa before = current_isa();
  ~KeepIsa() { set_isa(before); }
};

// Compares values and gradients of a case on the CPU, on each available instruction set, with the reference. Weights used with bf16 rows
// have values that bf16 represents, since bf16 products round weights and an output that crosses zero would change the gradient of relu.
inline void expect_parity_on_every_isa(const Case& c, DType dtype, double tolerance) {
  std::vector<Tensor> cpu, reference;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    const Pair pair = random_pair(c.inputs[i], dtype, static_cast<uint32_t>(i));
    cpu.push_back(c.f32_only[i] ? pair.cpu.to(DType::f32) : pair.cpu);
    cpu.back().set_requires_grad(true);
    reference.push_back(pair.reference);
  }
  const Pair dy = random_pair(c.op(reference).shape(), dtype, 99);
  const Tensor expected = run_with_gradient([&] { return c.op(reference); }, dy.reference);
  const KeepIsa keep;
  for (const Isa isa : available_isas()) {
    set_isa(isa);
    for (const Tensor& x : cpu) x.clear_grad();
    const Tensor y = run_with_gradient([&] { return c.op(cpu); }, dy.cpu);
    EXPECT_LT(relative_error(y, expected), tolerance) << c.name << ", " << name_of(dtype) << " on " << name_of(isa);
    for (size_t i = 0; i < cpu.size(); ++i) {
      EXPECT_LT(relative_error(cpu[i].grad(), reference[i].grad()), tolerance)
          << c.name << ", gradient of input " << i << ", " << name_of(dtype) << " on " << name_of(isa);
    }
  }
}
inline void expect_parity_on_every_isa(const std::vector<Case>& cases, DType dtype, double tolerance) {
  for (const Case& c : cases) expect_parity_on_every_isa(c, dtype, tolerance);
}

inline void expect_gradients_equal_finite_differences(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    std::vector<Tensor> inputs;
    for (size_t i = 0; i < c.inputs.size(); ++i) inputs.push_back(random_pair(c.inputs[i], DType::f32, static_cast<uint32_t>(i)).reference);
    int64_t work = 1;
    for (const Shape& shape : c.inputs) work = std::max(work, shape[0] * shape.back());
    if (work > 20000) continue;  // the larger shapes test the tiles of the CPU's kernels
    const Tensor dy = random_pair(c.op(inputs).shape(), DType::f32, 99).reference;
    run_with_gradient([&] { return c.op(inputs); }, dy);
    for (const Tensor& x : inputs) EXPECT_LT(finite_difference_error([&] { return c.op(inputs); }, x, dy), 1e-5) << c.name;
  }
}

// The values of a case and the gradients of its inputs, in one list.
inline std::vector<float> results_on(const Case& c, DType dtype, Device device) {
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    const Tensor values = random_pair(c.inputs[i], dtype, static_cast<uint32_t>(i)).cpu;
    inputs.push_back(values.to(c.f32_only[i] ? DType::f32 : dtype, device));
    inputs.back().set_requires_grad(true);
  }
  std::vector<float> results;
  const Tensor dy = random_pair(c.op(inputs).shape(), dtype, 99).cpu.to(dtype, device);
  const Tensor y = run_with_gradient([&] { return c.op(inputs); }, dy);
  std::vector<Tensor> all{y};
  for (const Tensor& x : inputs) all.push_back(x.grad());
  for (const Tensor& x : all) {
    const std::vector<float> values = x.to_vector();
    results.insert(results.end(), values.begin(), values.end());
  }
  return results;
}

// Only kernels may access the memory of a device, and kernels may run later than they are called.
inline void expect_same_on_the_disguised_device(const std::vector<Case>& cases,
                                                const std::vector<DType>& types = {DType::f32, DType::bf16}) {
  for (const DType dtype : types) {
    for (const Case& c : cases) {
      const std::vector<float> expected = results_on(c, dtype, Device::cpu);
      EXPECT_EQ(results_on(c, dtype, Device::disguised), expected) << c.name << " of " << name_of(dtype);
      in_stream(Device::disguised,
                [&] { EXPECT_EQ(results_on(c, dtype, Device::disguised), expected) << c.name << " of " << name_of(dtype) << ", later"; });
    }
  }
}

inline void expect_same_on_any_number_of_threads(const std::vector<Case>& cases) {
  const int before = num_threads();
  std::vector<std::vector<float>> results;
  for (int threads : {1, 2, 5}) {
    set_num_threads(threads);
    std::vector<float> bits;
    for (const Case& c : cases) {
      const std::vector<float> results = results_on(c, DType::f32, Device::cpu);
      bits.insert(bits.end(), results.begin(), results.end());
    }
    results.push_back(std::move(bits));
  }
  set_num_threads(before);
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

}  // namespace qkv::testing
