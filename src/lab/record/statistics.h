// The statistics of the lab's pages.
#pragma once

#include <span>
#include <vector>

namespace qkv::lab {

double mean(std::span<const double> values);
double standard_deviation(std::span<const double> values);  // of a sample: n - 1; 0 for fewer than two values

// Half the width of the two-sided interval of `confidence` for the mean of normal values (Student 1908): t * s / sqrt(n). Infinite for
// fewer than two values.
double confidence_half_width(std::span<const double> values, double confidence = 0.95);

// Two-sided p of Student's t-test that the mean of `values` is `expected`; for differences of pairs the paired t-test. 1 for fewer than two
// values. 0 or 1 for values without any spread, which are no random sample.
double t_test(std::span<const double> values, double expected);

// Holm's correction (1979) of the p of several tests: in ascending order p_(i) * (tests - i), never falling, at most 1. Keeps the given
// order.
std::vector<double> holm(std::span<const double> p);

// y = intercept + slope * x by least squares.
struct Line {
  double slope = 0, intercept = 0;
  double slope_half_width = 0;  // of the slope's 95 % interval
};
Line fit_line(std::span<const double> x, std::span<const double> y);

}  // namespace qkv::lab
