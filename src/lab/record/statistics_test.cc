#include "lab/record/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace qkv::lab {
namespace {

// The numbers expected are scipy 1.17.1's (ttest_1samp, t.interval, linregress) and statsmodels 0.15.0's (multipletests, "holm").
const std::vector<double> kSample{1.52, 1.61, 1.47, 1.58, 1.55};

TEST(Statistics, MeanDeviationAndIntervalEqualScipys) {
  EXPECT_NEAR(mean(kSample), 1.546, 1e-12);
  EXPECT_NEAR(standard_deviation(kSample), 0.054129474410897487, 1e-12);
  EXPECT_NEAR(mean(kSample) - confidence_half_width(kSample), 1.4787893803822965, 1e-9);
}

TEST(Statistics, TTestEqualsScipys) { EXPECT_NEAR(t_test(kSample, 1.5), 0.13020243054449562, 1e-9); }

TEST(Statistics, OneValueDecidesNothing) {
  EXPECT_EQ(t_test(std::vector{3.0}, 1), 1);
  EXPECT_EQ(confidence_half_width(std::vector{3.0}), std::numeric_limits<double>::infinity());
}

TEST(Statistics, ValuesWithoutSpreadAreEqualOrNot) {
  EXPECT_EQ(t_test(std::vector{4.0, 4.0, 4.0}, 3.9), 0);
  EXPECT_EQ(t_test(std::vector{4.0, 4.0, 4.0}, 4.0), 1);
}

TEST(Statistics, HolmEqualsStatsmodels) {
  const std::vector<double> corrected = holm(std::vector{0.01, 0.04, 0.03, 0.005, 0.5});
  const std::vector<double> expected{0.04, 0.09, 0.09, 0.025, 0.5};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(corrected[i], expected[i], 1e-12) << i;
}

TEST(Statistics, FittedExponentAndItsIntervalEqualScipys) {
  std::vector<double> x, y;
  for (const double n : {256, 512, 1024, 2048, 4096}) x.push_back(std::log(n));
  for (const double t : {1.1, 3.9, 17.0, 66.0, 250.0}) y.push_back(std::log(t));
  const Line line = fit_line(x, y);
  EXPECT_NEAR(line.slope, 1.973748151720787, 1e-9);
  EXPECT_NEAR(line.intercept, -10.880856517629706, 1e-8);
  EXPECT_NEAR(line.slope_half_width, 0.07407007773572288, 1e-9);
}

}  // namespace
}  // namespace qkv::lab
