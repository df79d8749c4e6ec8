#include "lab/record/statistics.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"

namespace qkv::lab {
namespace {

using boost::math::students_t;

double t_quantile(double degrees, double confidence) { return boost::math::quantile(students_t(degrees), 0.5 + confidence / 2); }

}  // namespace

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double standard_deviation(std::span<const double> values) {
  if (values.size() < 2) return 0;
  const double center = mean(values);
  double sum = 0;
  for (const double value : values) sum += (value - center) * (value - center);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

double confidence_half_width(std::span<const double> values, double confidence) {
  if (values.size() < 2) return std::numeric_limits<double>::infinity();
  const double n = static_cast<double>(values.size());
  return t_quantile(n - 1, confidence) * standard_deviation(values) / std::sqrt(n);
}

double t_test(std::span<const double> values, double expected) {
  if (values.size() < 2) return 1;
  const double difference = mean(values) - expected, deviation = standard_deviation(values);
  // Equal values leave only rounding errors.
  if (deviation <= 1e-12 * std::max(std::abs(mean(values)), std::abs(expected))) return std::abs(difference) > deviation ? 0 : 1;
  const double n = static_cast<double>(values.size());
  const double t = difference / (deviation / std::sqrt(n));
  return 2 * boost::math::cdf(boost::math::complement(students_t(n - 1), std::abs(t)));
}

std::vector<double> holm(std::span<const double> p) {
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] < p[b]; });
  std::vector<double> corrected(p.size());
  double largest = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    largest = std::max(largest, std::min(1.0, p[order[i]] * static_cast<double>(p.size() - i)));
    corrected[order[i]] = largest;
  }
  return corrected;
}

Line fit_line(std::span<const double> x, std::span<const double> y) {
  QKV_CHECK(x.size() == y.size() && x.size() >= 3, "[fit_line] {} and {} values; at least 3 points are needed", x.size(), y.size());
  const double n = static_cast<double>(x.size()), center_x = mean(x), center_y = mean(y);
  double xx = 0, xy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - center_x) * (x[i] - center_x);
    xy += (x[i] - center_x) * (y[i] - center_y);
  }
  Line line;
  line.slope = xy / xx;
  line.intercept = center_y - line.slope * center_x;
  double residuals = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double rest = y[i] - line.intercept - line.slope * x[i];
    residuals += rest * rest;
  }
  line.slope_half_width = t_quantile(n - 2, 0.95) * std::sqrt(residuals / (n - 2) / xx);
  return line;
}

}  // namespace qkv::lab
