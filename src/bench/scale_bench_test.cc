#include "bench/scale_bench.h"

#include <gtest/gtest.h>

namespace qkv {
namespace {

TEST(ScaleBench, TheEstimateIsItsFormula) {
  const StepCosts costs{.compute = 2, .update = 0.8, .add = 1e-9, .copy = 2e-9, .bytes = 64 << 20, .last_bucket = 16 << 20};
  const Link link{.latency = 1e-3, .bandwidth = 1e8};
  const double bytes = 64 << 20;
  EXPECT_DOUBLE_EQ(estimate_step(costs, link, 1).seconds, 2 + 0.8);
  // Four processes: 16 buckets of 4 MiB in each of two rounds, there and back, and four small exchanges in each round.
  const StepEstimate four = estimate_step(costs, link, 4);
  const double one_way = 32 * 1e-3 + 0.75 * bytes / 1e8;
  EXPECT_DOUBLE_EQ(four.compute, 2);
  EXPECT_DOUBLE_EQ(four.link, 2 * one_way + 8 * 1e-3);
  EXPECT_DOUBLE_EQ(four.memory, 0.2 + 0.75 * bytes * 1e-9 + 2 * bytes * 2e-9);
  EXPECT_DOUBLE_EQ(four.seconds, four.compute + four.link + four.memory);
  // A backward pass of ten seconds hides all sums but those of the last bucket, a quarter.
  StepCosts hiding = costs;
  hiding.backward = 10;
  EXPECT_DOUBLE_EQ(estimate_step(hiding, link, 4).link, one_way * (1 + 1.0 / 4) + 8 * 1e-3);
}

}  // namespace
}  // namespace qkv
