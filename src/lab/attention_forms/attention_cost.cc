#include "lab/attention_forms/attention_cost.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <thread>

#include "autograd/backward.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/philox.h"
#include "base/timing.h"
#include "kernels/limits.h"

namespace qkv::lab {
namespace {

Tensor random_rows(const AttentionCase& of, uint64_t seed, uint32_t stream) {
  RandomStream random(seed, stream);
  std::vector<float> values(static_cast<size_t>(of.tokens * of.heads * of.head_size));
  for (float& value : values) value = random.normal();
  return Tensor::from(values, {of.tokens, of.heads * of.head_size}, of.dtype);
}

// Restricts all loops to one thread during its lifetime.
class SingleThread {
 public:
  SingleThread() : before_(num_threads()) { set_num_threads(1); }
  ~SingleThread() { set_num_threads(before_); }
  SingleThread(const SingleThread&) = delete;
  SingleThread& operator=(const SingleThread&) = delete;

 private:
  int before_;
};

}  // namespace

AttentionInput random_input(const AttentionCase& of, uint64_t seed) {
  return {random_rows(of, seed, 0), random_rows(of, seed, 1), random_rows(of, seed, 2), random_rows(of, seed, 3),
          Segments::of_lengths(std::vector{static_cast<int32_t>(of.tokens)})};
}

AttentionProgram product_attention(const AttentionCase& of, AttentionImplementation implementation) {
  const AttentionOptions options{.num_heads = of.heads, .num_key_value_heads = of.heads, .implementation = implementation};
  return [options](const AttentionInput& in) { return attention(in.q, in.k, in.v, in.segments, in.segments, options).out; };
}

double median_seconds(int64_t repeats, const std::function<void()>& run) {
  run();
  std::vector<double> seconds;
  for (int64_t i = 0; i < repeats; ++i) seconds.push_back(shortest_seconds(1, run));
  const auto middle = seconds.begin() + std::ssize(seconds) / 2;
  std::nth_element(seconds.begin(), middle, seconds.end());
  return *middle;
}

double forward_seconds(const AttentionProgram& program, const AttentionInput& in, int64_t repeats) {
  return median_seconds(repeats, [&] { program(in); });
}

double training_seconds(const AttentionProgram& program, const AttentionInput& in, int64_t repeats) {
  for (const Tensor& x : {in.q, in.k, in.v}) x.set_requires_grad(true);
  const double seconds = median_seconds(repeats, [&] {
    for (const Tensor& x : {in.q, in.k, in.v}) x.clear_grad();
    Tape tape;
    const Tensor loss = Tensor::zeros({1}, DType::f32);
    {
      const RecordScope recording(&tape);
      const Tensor out = program(in);
      record(loss, {out}, [&in, out](const Tensor&) { add_gradient(out, in.dout); });
    }
    backward(tape, loss);
  });
  for (const Tensor& x : {in.q, in.k, in.v}) {
    x.clear_grad();
    x.set_requires_grad(false);
  }
  return seconds;
}

int64_t memory_bytes(const std::function<Tensor()>& run) {
  const SingleThread alone;
  release_unused_memory();
  // The statistics only know the largest sum ever. This allocation, which nobody touches, raises the current sum to it.
  const MemoryStatistics before = memory_statistics();
  const Tensor ballast = Tensor::empty({(before.bytes_peak - before.bytes_in_use + 3) / 4}, DType::f32);
  const int64_t peak = memory_statistics().bytes_peak, held = kernel_working_memory();
  int64_t bytes = 0;
  std::exception_ptr error;
  std::thread([&] {  // a thread without scratch memory yet
    try {
      const Tensor result = run();
      bytes = memory_statistics().bytes_peak - peak + kernel_working_memory() - held;
    } catch (...) {
      error = std::current_exception();
    }
  })
      .join();
  if (error) std::rethrow_exception(error);
  return bytes;
}

Line growth(const Series& series, double from) {
  std::vector<double> x, y;
  for (const auto& [at, value] : series) {
    if (at < from) continue;
    x.push_back(std::log(at));
    y.push_back(std::log(value));
  }
  return fit_line(x, y);
}

double crossing(const Series& a, const Series& b) {
  QKV_CHECK(a.size() == b.size(), "[crossing] {} and {} points", a.size(), b.size());
  double before = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double ratio = std::log(a[i].second / b[i].second);
    if (ratio >= 0) {
      if (i == 0) return a[0].first;
      const double share = before / (before - ratio), from = std::log(a[i - 1].first);
      return std::exp(from + share * (std::log(a[i].first) - from));
    }
    before = ratio;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace qkv::lab
