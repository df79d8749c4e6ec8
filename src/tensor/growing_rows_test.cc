#include "tensor/growing_rows.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace qkv {
namespace {

// Grows from a few KiB past one huge page to many; a copy of the tensor taken earlier sees the same rows.
TEST(GrowingRows, GrowingKeepsAllRows) {
  constexpr int64_t kCols = 40, kRows = 200'000;
  GrowingRows rows(kCols, DType::f32, Device::cpu);
  const Tensor before = rows.tensor();
  for (int64_t row = 0; row < kRows; ++row) {
    rows.reserve(row + 1);
    for (int64_t column = 0; column < kCols; ++column) rows.tensor().view().row<float>(row)[column] = static_cast<float>(row + column);
  }
  ASSERT_GE(before.rows(), kRows);
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t column = 0; column < kCols; ++column) {
      ASSERT_EQ(before.view().row<float>(row)[column], static_cast<float>(row + column)) << "row " << row;
    }
  }
}

TEST(GrowingRows, FreedPagesAreUsedAgainUntilTheyAreReleased) {
  release_unused_memory();
  void* data = nullptr;
  {
    GrowingRows rows(8, DType::f32, Device::cpu);
    rows.reserve(1 << 20);
    data = rows.tensor().view().data;
  }
  {
    GrowingRows rows(3, DType::bf16, Device::cpu);
    rows.reserve(1);
    EXPECT_EQ(rows.tensor().view().data, data);
    EXPECT_GE(rows.tensor().rows() * 6 + 6, 32 << 20) << "all that is there is used";
  }
  release_unused_memory();
}

TEST(GrowingRows, MoreThanThereIsIsAnErrorAndLosesNothing) {
  GrowingRows rows(1024, DType::f32, Device::cpu);
  rows.reserve(10);
  *rows.tensor().view().row<float>(9) = 5;
  EXPECT_THROW(rows.reserve(int64_t{1} << 40), Error);
  EXPECT_THROW(rows.reserve(INT64_MAX / 2), Error);
  EXPECT_EQ(*rows.tensor().view().row<float>(9), 5);
}

}  // namespace
}  // namespace qkv
