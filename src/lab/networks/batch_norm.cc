#include "lab/networks/batch_norm.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace qkv::lab {
namespace {

constexpr double kEpsilon = 1e-5, kMomentum = 0.1;

enum class Over : uint8_t { all, up_to, from };

// Replaces each row (of a position) by the sum of all rows, of those up to it, or of those from it on.
void add_up(std::vector<double>& rows, int64_t size, Over over) {
  const auto count = static_cast<int64_t>(rows.size()) / size;
  if (over == Over::from) {
    for (int64_t i = (count - 1) * size - 1; i >= 0; --i) rows[i] += rows[i + size];
    return;
  }
  for (int64_t i = size; i < count * size; ++i) rows[i] += rows[i - size];
  if (over == Over::up_to) return;
  for (int64_t i = 0; i < (count - 1) * size; ++i) rows[i] = rows[(count - 1) * size + i % size];
}

// Mean and variance of each column at each position, and how many tokens they are taken over.
struct Moments {
  std::vector<double> mean, variance, tokens;
};

Moments moments_of(const Tensor& x, std::span<const int32_t> position_of, int64_t positions, Over over) {
  const int64_t size = x.cols();
  std::vector<double> sums(static_cast<size_t>(positions * size)), squares = sums, tokens(static_cast<size_t>(positions));
  const float* from = x.host<float>();
  for (size_t row = 0; row < position_of.size(); ++row, from += size) {
    const int64_t at = position_of[row] * size;
    for (int64_t c = 0; c < size; ++c) {
      sums[at + c] += from[c];
      squares[at + c] += static_cast<double>(from[c]) * from[c];
    }
    ++tokens[position_of[row]];
  }
  add_up(sums, size, over);
  add_up(squares, size, over);
  add_up(tokens, 1, over);
  for (size_t i = 0; i < sums.size(); ++i) {
    const double n = tokens[i / static_cast<size_t>(size)];
    sums[i] /= n;
    squares[i] = std::max(0.0, squares[i] / n - sums[i] * sums[i]);
  }
  return {std::move(sums), std::move(squares), std::move(tokens)};
}

std::vector<double> inverse_deviations(std::vector<double> variance) {
  for (double& value : variance) value = 1 / std::sqrt(value + kEpsilon);
  return variance;
}

// With u = (x - m) / s and y = w u + b: dx = w dy / s, and through the mean and variance of each position that x counts for, with n tokens
// there, -sum(w dy / s) / n - (x - m) sum(w dy u / s²) / n.
void backward(const Tensor& x, const Tensor& weight, const Tensor& bias, const Moments& moments, std::span<const int32_t> position_of,
              Over over, const Tensor& dy) {
  const int64_t size = x.cols();
  const auto gradient_of = [](const Tensor& t) { return gradient_sum(t) ? t.grad().host<float>() : nullptr; };
  float *const dx = gradient_of(x), *const dw = gradient_of(weight), *const db = gradient_of(bias);
  const float *const w = weight.host<float>(), *const g_of = dy.host<float>(), *const x_of = x.host<float>();
  const std::vector<double> scale = inverse_deviations(moments.variance);
  std::vector<double> constant(moments.mean.size()),
      slope = constant;  // of a position: what goes through its moments is constant + slope x
  for (size_t row = 0; row < position_of.size(); ++row) {
    const int64_t from = static_cast<int64_t>(row) * size, at = position_of[row] * size;
    for (int64_t c = 0; c < size; ++c) {
      const double g = g_of[from + c], s = scale[at + c], u = (x_of[from + c] - moments.mean[at + c]) * s;
      if (dw) dw[c] += static_cast<float>(g * u);
      if (db) db[c] += static_cast<float>(g);
      if (dx) dx[from + c] += static_cast<float>(g * w[c] * s);
      constant[at + c] -= g * w[c] * s;
      slope[at + c] -= g * w[c] * u * s * s;
    }
  }
  if (!dx) return;
  for (size_t i = 0; i < constant.size(); ++i) {
    const double n = moments.tokens[i / static_cast<size_t>(size)];
    slope[i] /= n;
    constant[i] = constant[i] / n - slope[i] * moments.mean[i];
  }
  add_up(constant, size, over == Over::up_to ? Over::from : Over::all);
  add_up(slope, size, over == Over::up_to ? Over::from : Over::all);
  for (size_t row = 0; row < position_of.size(); ++row) {
    const int64_t from = static_cast<int64_t>(row) * size, at = position_of[row] * size;
    for (int64_t c = 0; c < size; ++c) dx[from + c] += static_cast<float>(constant[at + c] + slope[at + c] * x_of[from + c]);
  }
}

}  // namespace

struct BatchNorm::Running {
  std::vector<double> mean, variance;
};

BatchNorm::BatchNorm(BatchStatistics statistics, int size, int positions, const ParameterScope& scope)
    : statistics_(statistics),
      weight_(scope.create("weight", {size}, Initializer::ones(), false)),
      bias_(scope.create("bias", {size}, Initializer::zeros(), false)),
      running_(std::make_shared<Running>(Running{std::vector<double>(static_cast<size_t>(positions) * size),
                                                 std::vector<double>(static_cast<size_t>(positions) * size, 1.0)})) {}

Tensor BatchNorm::forward(const Tensor& x, const Segments& segments, bool training) const {
  const int64_t size = x.cols(), positions = segments.longest();
  QKV_CHECK(x.dtype() == DType::f32 && size == weight_.numel() && positions * size <= std::ssize(running_->mean),
            "[batch_norm] {} {} for {} columns and {} positions", name_of(x.dtype()), to_string(x.shape()), weight_.numel(),
            std::ssize(running_->mean) / weight_.numel());
  const std::vector<int32_t> position_of = segments.positions();
  const Over over = statistics_ == BatchStatistics::earlier ? Over::up_to : Over::all;
  Moments moments;
  if (training) {
    moments = moments_of(x, position_of, positions, over);
    for (size_t i = 0; i < moments.mean.size(); ++i) {
      running_->mean[i] += kMomentum * (moments.mean[i] - running_->mean[i]);
      running_->variance[i] += kMomentum * (moments.variance[i] - running_->variance[i]);
    }
  } else {
    moments = {running_->mean, running_->variance, {}};
  }
  const std::vector<double> scale = inverse_deviations(moments.variance);
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  const float *const from = x.host<float>(), *const w = weight_.host<float>(), *const b = bias_.host<float>();
  float* const to = y.host<float>();
  for (size_t row = 0; row < position_of.size(); ++row) {
    const int64_t first = static_cast<int64_t>(row) * size, at = position_of[row] * size;
    for (int64_t c = 0; c < size; ++c) {
      const double u = (from[first + c] - moments.mean[at + c]) * scale[at + c];
      to[first + c] = static_cast<float>(u * w[c] + b[c]);
    }
  }
  QKV_CHECK(training || !Tape::current(), "[batch_norm] the running averages have no gradient");
  record(y, {x, weight_, bias_}, [x, weight = weight_, bias = bias_, moments = std::move(moments), position_of, over](const Tensor& dy) {
    backward(x, weight, bias, moments, position_of, over, dy);
  });
  return y;
}

}  // namespace qkv::lab
