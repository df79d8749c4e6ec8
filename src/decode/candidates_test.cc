#include "decode/candidates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/philox.h"

namespace qkv {
namespace {

template <typename T>
std::vector<int32_t> ids_of_largest(const std::vector<T>& row, int count) {
  std::vector<Candidate> out(static_cast<size_t>(count));
  const int found = select_largest(std::span<const T>(row), count, out.data());
  std::vector<int32_t> ids;
  for (int i = 0; i < found; ++i) {
    EXPECT_EQ(out[i].log_probability, static_cast<float>(row[out[i].id]));
    ids.push_back(out[i].id);
  }
  return ids;
}

std::vector<int32_t> sorted_ids(const std::vector<float>& row, int count) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < row.size(); ++i) {
    if (row[i] > -std::numeric_limits<float>::infinity()) ids.push_back(static_cast<int32_t>(i));
  }
  std::stable_sort(ids.begin(), ids.end(), [&](int32_t a, int32_t b) { return row[a] > row[b]; });
  ids.resize(std::min(ids.size(), static_cast<size_t>(count)));
  return ids;
}

// Rounded values produce ties; sizes are close to multiples of the block size.
TEST(SelectLargest, EqualsAStableSortWithLowerIdsFirst) {
  RandomStream random(1);
  for (const size_t size : {1, 2, 7, 127, 128, 129, 255, 256, 1000, 8000}) {
    for (const int count : {1, 2, 8, 40}) {
      for (const float levels : {4.0f, 1000.0f, 1e6f}) {
        std::vector<float> row(size);
        for (float& value : row) value = -std::floor(random.uniform() * levels);
        EXPECT_EQ(ids_of_largest(row, count), sorted_ids(row, count)) << size << " values, " << count << " of them";
        EXPECT_EQ(ids_of_largest(std::vector<double>(row.begin(), row.end()), count), sorted_ids(row, count));
      }
    }
  }
}

TEST(SelectLargest, NeverTakesSuppressedTokens) {
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  std::vector<float> row(300, kNone);
  EXPECT_TRUE(ids_of_largest(row, 4).empty());
  row[299] = -1e30f;
  row[130] = -3;
  EXPECT_EQ(ids_of_largest(row, 4), (std::vector<int32_t>{130, 299}));
  row[5] = std::nanf("");
  EXPECT_EQ(ids_of_largest(row, 4), (std::vector<int32_t>{130, 299}));
}

TEST(SelectLargest, LargestAtTheEndOfARisingRow) {
  std::vector<float> row(1000);
  for (size_t i = 0; i < row.size(); ++i) row[i] = static_cast<float>(i);
  EXPECT_EQ(ids_of_largest(row, 3), (std::vector<int32_t>{999, 998, 997}));
}

}  // namespace
}  // namespace qkv
