#include "base/philox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

namespace qkv {
namespace {

// The known-answer vectors published with Random123 (kat_vectors, "philox4x32 10"): zeros, ones, and the digits of pi.
TEST(Philox, EqualsThePublishedVectors) {
  using Words = std::array<uint32_t, 4>;
  EXPECT_EQ(philox({0, 0}, {0, 0, 0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({~0u, ~0u}, {~0u, ~0u, ~0u, ~0u}), (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomStream, SeedAndStreamChooseTheSequence) {
  const auto first = [](uint64_t seed, uint32_t stream) {
    RandomStream random(seed, stream);
    return std::array<uint32_t, 3>{random.next(), random.next(), random.next()};
  };
  EXPECT_EQ(first(1, 2), first(1, 2));
  EXPECT_NE(first(1, 2), first(1, 3));
  EXPECT_NE(first(1, 2), first(2, 2));
  EXPECT_NE(first(1, 2), first(1 + (uint64_t{1} << 32), 2)) << "the upper half of the seed is ignored";
}

TEST(RandomStream, BelowReachesEveryValueAndNoOther) {
  RandomStream random(7);
  std::vector<int> counts(6);
  for (int i = 0; i < 60000; ++i) ++counts.at(random.below(6));
  // 10,000 expected, standard deviation 91.
  EXPECT_GT(*std::min_element(counts.begin(), counts.end()), 9500);
  EXPECT_LT(*std::max_element(counts.begin(), counts.end()), 10500);
  EXPECT_GT(random.below(uint64_t{1} << 63) >> 32, 0u) << "large bounds use 64 bits";
}

TEST(RandomStream, UniformAndNormalHaveTheirMoments) {
  RandomStream random(3);
  double sum = 0, normal_sum = 0, normal_squares = 0;
  constexpr int kCount = 100000;
  for (int i = 0; i < kCount; ++i) {
    const float u = random.uniform();
    ASSERT_GE(u, 0.0f);
    ASSERT_LT(u, 1.0f);
    sum += u;
    const float n = random.normal();
    normal_sum += n;
    normal_squares += n * n;
  }
  EXPECT_NEAR(sum / kCount, 0.5, 0.005);
  EXPECT_NEAR(normal_sum / kCount, 0, 0.02);
  EXPECT_NEAR(normal_squares / kCount, 1, 0.03);
}

}  // namespace
}  // namespace qkv
