#include "lab/attention_forms/attention_cost.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lab/attention_forms/attention_traffic.h"

namespace qkv::lab {
namespace {

TEST(AttentionCost, MemoryCountsWhatLivedAtOnceAndNothingThatWasThereBefore) {
  const Tensor before = Tensor::zeros({1'000'000}, DType::f32);
  const auto run = [] {
    { const Tensor passing = Tensor::empty({3'000'000}, DType::f32); }
    const Tensor first = Tensor::empty({1'000'000}, DType::f32);
    return Tensor::empty({1'000'000}, DType::f32);
  };
  for (int time = 0; time < 2; ++time) EXPECT_NEAR(static_cast<double>(memory_bytes(run)), 12e6, 0.2e6);
}

TEST(AttentionCost, MemoryCountsTheWorkingMemoryOfKernels) {
  const AttentionCase of{.tokens = 1024, .heads = 1, .head_size = 64};
  const AttentionInput in = random_input(of, 1);
  const auto run = [&] { return product_attention(of, AttentionImplementation::composed)(in); };
  // The output and its log-sum-exp; 48 rows of scores, panels of keys and values, a block of queries and of outputs.
  const double out = 1024 * (64 + 2) * 4, working = 4 * (48 * 1024 + 2 * 1024 * 64 + 2 * 48 * 64);
  const double bytes = static_cast<double>(memory_bytes(run));
  EXPECT_GT(bytes, out + working);
  EXPECT_LT(bytes, out + 1.5 * working);
}

TEST(AttentionCost, GrowthIsTheExponentOfThePointsFromOneOn) {
  Series series{{1, 1000}, {2, 999}};
  for (const double x : {4.0, 8.0, 32.0}) series.emplace_back(x, 3 * std::pow(x, 1.7));
  EXPECT_NEAR(growth(series, 4).slope, 1.7, 1e-12);
}

// 2 x^2 reaches 32 x at 16; both are straight in logarithms.
TEST(AttentionCost, CrossingOfTwoPowersIsFoundBetweenThePoints) {
  Series a, b;
  for (const double x : {3.0, 10.0, 100.0}) {
    a.emplace_back(x, 2 * x * x);
    b.emplace_back(x, 32 * x);
  }
  EXPECT_NEAR(crossing(a, b), 16, 1e-9);
  EXPECT_TRUE(std::isnan(crossing(b, Series{{3, 1e9}, {10, 1e9}, {100, 1e9}})));
  EXPECT_EQ(crossing(b, Series{{3, 1}, {10, 1}, {100, 1}}), 3);
}

// By hand: n = 8, d = 2. Whole: q, k, v, out of 16 each, scores and weights of 64 written and read.
TEST(AttentionTraffic, FormulasCountEveryReadAndWrite) {
  EXPECT_EQ(whole_traffic(8, 2), 4 * 16 + 4 * 64);
  EXPECT_EQ(tiled_traffic(8, 2, 4), 2 * 16 + 2 * (3 * 16 + 4 * 8));
  EXPECT_EQ(tiled_traffic(8, 2, 3), 2 * 16 + 3 * (3 * 16 + 4 * 8));
  EXPECT_EQ(passing_keys_traffic(8, 2, 4), 2 * 16 + 2 * 32);
}

}  // namespace
}  // namespace qkv::lab
