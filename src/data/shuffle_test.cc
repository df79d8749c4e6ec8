#include "data/shuffle.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace qkv {
namespace {

TEST(Shuffle, PurposesEpochsAndSeedsHaveNumbersOfTheirOwn) {
  const auto first = [](uint64_t seed, int64_t epoch, EpochDraw draw) { return epoch_stream(seed, epoch, draw).next(); };
  std::vector<uint32_t> drawn{first(1, 0, EpochDraw::order), first(1, 0, EpochDraw::offset), first(1, 1, EpochDraw::order),
                              first(2, 0, EpochDraw::order), first(1, -1, EpochDraw::order), first(1, int64_t{1} << 32, EpochDraw::order)};
  std::sort(drawn.begin(), drawn.end());
  EXPECT_EQ(std::unique(drawn.begin(), drawn.end()), drawn.end());
}

// Each of the 24 orders of four numbers comes about equally often: chi-squared with 23 degrees of freedom is below 49.7 with p = 0.999.
TEST(Shuffle, EveryOrderIsEquallyLikely) {
  std::vector<int> counts(256);
  constexpr int kEpochs = 24'000;
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    const std::vector<int32_t> order = shuffled(4, 7, epoch);
    ++counts[static_cast<size_t>(order[0] * 64 + order[1] * 16 + order[2] * 4 + order[3])];
  }
  double chi_squared = 0;
  int seen = 0;
  for (const int count : counts) {
    if (count == 0) continue;
    ++seen;
    chi_squared += (count - kEpochs / 24.0) * (count - kEpochs / 24.0) / (kEpochs / 24.0);
  }
  EXPECT_EQ(seen, 24);
  EXPECT_LT(chi_squared, 49.7);
}

}  // namespace
}  // namespace qkv
