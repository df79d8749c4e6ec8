#include "train/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace qkv {
namespace {

TEST(Schedule, WarmUpRisesLinearlyToThePeak) {
  for (const auto kind : {LearningRateSchedule::constant, LearningRateSchedule::inverse_sqrt, LearningRateSchedule::cosine}) {
    const ScheduleOptions options{kind, 2e-3, 1e-5, 100, 1000};
    EXPECT_DOUBLE_EQ(learning_rate(options, 1), 2e-5);
    EXPECT_DOUBLE_EQ(learning_rate(options, 50), 1e-3);
    EXPECT_DOUBLE_EQ(learning_rate(options, 100), 2e-3);
  }
}

// Vaswani et al. 2017, eq. 3: hidden_size^-0.5 * min(step^-0.5, step * warmup^-1.5) for 512 and 4000.
TEST(Schedule, InverseSqrtIsThePapersFormula) {
  const double peak = 1 / std::sqrt(512.0) / std::sqrt(4000.0);
  const ScheduleOptions options{LearningRateSchedule::inverse_sqrt, peak, 0, 4000, 0};
  for (const int64_t step : {1, 10, 3999, 4000, 4001, 16000, 100000}) {
    const double s = static_cast<double>(step);
    const double paper = 1 / std::sqrt(512.0) * std::min(1 / std::sqrt(s), s * std::pow(4000.0, -1.5));
    EXPECT_NEAR(learning_rate(options, step), paper, 1e-12) << step;
  }
}

TEST(Schedule, InverseSqrtWithoutWarmUpStartsAtThePeak) {
  const ScheduleOptions options{LearningRateSchedule::inverse_sqrt, 1.0, 0.2, 0, 0};
  EXPECT_DOUBLE_EQ(learning_rate(options, 1), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate(options, 4), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate(options, 10000), 0.2);
}

TEST(Schedule, CosineIsHalfWayInTheMiddleAndStaysAtTheMinimum) {
  const ScheduleOptions options{LearningRateSchedule::cosine, 1.0, 0.1, 100, 1100};
  EXPECT_DOUBLE_EQ(learning_rate(options, 100), 1.0);
  EXPECT_NEAR(learning_rate(options, 600), 0.55, 1e-12);
  EXPECT_NEAR(learning_rate(options, 350), 0.1 + 0.9 * 0.5 * (1 + std::sqrt(0.5)), 1e-12);  // cos(pi / 4)
  EXPECT_DOUBLE_EQ(learning_rate(options, 1100), 0.1);
  EXPECT_DOUBLE_EQ(learning_rate(options, 5000), 0.1);
}

}  // namespace
}  // namespace qkv
