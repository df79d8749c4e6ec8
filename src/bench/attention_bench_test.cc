#include "bench/attention_bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qkv {
namespace {

using enum AttentionImplementation;

TEST(AttentionBench, EachImplementationIsMeasured) {
  const auto results = bench_attention({.shape = "2x2x40", .head_size = 16, .implementations = {composed, flash}, .rounds = 1});
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].implementation, composed);
  EXPECT_EQ(results[1].implementation, flash);
  for (const AttentionBenchResult& r : results) {
    EXPECT_GT(r.fwd_gflops, 0);
    EXPECT_GT(r.fwdbwd_gflops, 0);
    EXPECT_GT(r.max_rss_mb, 0);
  }
  EXPECT_THROW(bench_attention({.shape = "2x2"}), Error);
}

TEST(AttentionBench, AChoiceThatIsSlowerByMoreThanNoiseIsNamed) {
  EXPECT_EQ(slower_choice({{automatic, 100, 100, 1}, {composed, 109, 90, 1}, {flash, 80, 109, 1}}, 0.1), "");
  EXPECT_EQ(slower_choice({{automatic, 100, 100, 1}, {composed, 115, 90, 1}}, 0.1),
            "forward reaches 100 GFLOP/s, composed 115 (15 % more)");
  EXPECT_THAT(slower_choice({{automatic, 100, 100, 1}, {flash, 90, 120, 1}}, 0.1),
              ::testing::HasSubstr("forward and backward reaches 100"));
}

}  // namespace
}  // namespace qkv
