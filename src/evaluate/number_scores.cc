#include "evaluate/number_scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace qkv {
namespace {

// Pearson's r; empty if one side does not vary.
std::optional<double> correlation(std::span<const double> x, std::span<const double> y) {
  const auto varies = [](std::span<const double> values) {
    return std::ranges::any_of(values, [&](double value) { return value != values.front(); });
  };
  if (!varies(x) || !varies(y)) return {};
  const auto n = static_cast<double>(x.size());
  const double mean_x = std::reduce(x.begin(), x.end()) / n, mean_y = std::reduce(y.begin(), y.end()) / n;
  double both = 0, of_x = 0, of_y = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    both += (x[i] - mean_x) * (y[i] - mean_y);
    of_x += (x[i] - mean_x) * (x[i] - mean_x);
    of_y += (y[i] - mean_y) * (y[i] - mean_y);
  }
  return std::clamp(both / std::sqrt(of_x) / std::sqrt(of_y), -1.0, 1.0);
}

// Ranks from 1 on; equal values share the mean of theirs.
std::vector<double> ranks(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) { return values[i]; });
  std::vector<double> result(values.size());
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (size_t i = begin; i < end; ++i) result[order[i]] = static_cast<double>(begin + end + 1) / 2;
  }
  return result;
}

}  // namespace

NumberScores number_scores(std::span<const double> predicted, std::span<const double> right) {
  NumberScores scores{.pearson = correlation(predicted, right), .spearman = correlation(ranks(predicted), ranks(right))};
  for (size_t i = 0; i < right.size(); ++i) scores.mean_squared_error += (predicted[i] - right[i]) * (predicted[i] - right[i]);
  scores.mean_squared_error /= static_cast<double>(right.size());
  return scores;
}

}  // namespace qkv
