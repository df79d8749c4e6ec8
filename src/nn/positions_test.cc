#include "nn/positions.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace qkv {
namespace {

// A model that announces 16 million positions does not allocate a table of that size.
TEST(Positions, SinusoidsAreMadeAsFarAsTheyAreUsed) {
  constexpr int kHidden = 16;
  const int64_t before = memory_statistics().bytes_peak;
  ParameterStore store(1, true);
  const ParameterScope scope(store, "decoder");
  const EmbeddedPositions positions(PositionTable::sinusoidal, 1 << 24, kHidden, {}, scope);
  EXPECT_LT(memory_statistics().bytes_peak - before, 1 << 20);
  const std::vector<float> expected = sinusoidal_positions(300, kHidden, Device::cpu).to_vector();
  for (const int64_t count : {1, 100, 300, 2}) {
    const std::vector<float> table = positions.rows(count).to_vector();
    ASSERT_GE(std::ssize(table), count * kHidden);
    EXPECT_TRUE(std::equal(table.begin(), table.begin() + count * kHidden, expected.begin())) << count;
  }
  EXPECT_EQ(EmbeddedPositions(PositionTable::sinusoidal, 5, kHidden, {}, scope).rows(9).rows(), 5);
}

}  // namespace
}  // namespace qkv
