#include "embed/pooling.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"

namespace qkv {
namespace {

// The sum of the tokens, each times weight(position), divided by divisor(sum of weights).
template <typename Weight, typename Divisor>
void pool_sum(std::span<const float> tokens, int64_t size, int64_t excluded, std::span<float> out, Weight weight, Divisor divisor) {
  std::vector<double> sums(static_cast<size_t>(size));
  double weights = 0;
  const int64_t count = std::ssize(tokens) / size;
  for (int64_t t = excluded; t < count; ++t) {
    const double w = weight(t);
    const float* row = tokens.data() + t * size;
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += w * row[i];
    weights += w;
  }
  const double divided_by = divisor(weights);
  for (size_t i = 0; i < sums.size(); ++i) out[i] = static_cast<float>(sums[i] / divided_by);
}

}  // namespace

void pool_tokens(PoolingMode mode, std::span<const float> tokens, int64_t size, int64_t excluded, std::span<float> out) {
  const auto row = [&](int64_t token) { return tokens.subspan(static_cast<size_t>(token * size), static_cast<size_t>(size)); };
  const int64_t count = std::ssize(tokens) / size;
  QKV_CHECK(excluded < count && std::ssize(out) == size, "[pooling] {} of {} tokens are left out", excluded, count);
  const auto one = [](int64_t) { return 1.0; };
  const auto same = [](double weights) { return weights; };
  switch (mode) {
    case PoolingMode::cls: std::ranges::copy(row(excluded), out.begin()); return;
    case PoolingMode::lasttoken: std::ranges::copy(row(count - 1), out.begin()); return;
    case PoolingMode::max:
      std::ranges::copy(row(excluded), out.begin());
      for (int64_t t = excluded + 1; t < count; ++t) {
        const std::span<const float> other = row(t);
        for (size_t i = 0; i < out.size(); ++i) out[i] = std::max(out[i], other[i]);
      }
      return;
    case PoolingMode::mean: return pool_sum(tokens, size, excluded, out, one, same);
    case PoolingMode::mean_sqrt_len_tokens:
      return pool_sum(tokens, size, excluded, out, one, [](double weights) { return std::sqrt(weights); });
    case PoolingMode::weightedmean:
      return pool_sum(
          tokens, size, excluded, out, [](int64_t t) { return static_cast<double>(t + 1); }, same);
    case PoolingMode::automatic: break;
  }
  fail(ErrorCode::internal, "[pooling] no mode");
}

void normalize_row(std::span<float> row) {
  double squares = 0;
  for (const float x : row) squares += double{x} * x;
  const double length = std::max(std::sqrt(squares), 1e-12);
  for (float& x : row) x = static_cast<float>(x / length);
}

}  // namespace qkv
