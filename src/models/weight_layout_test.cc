#include "models/weight_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace qkv {
namespace {

using testing::ElementsAre;

constexpr int kIn = 2;

// 4 heads of 3 columns and 2 key/value heads: q has 12 outputs, k and v 6.
LayerConfig grouped() {
  LayerConfig layer;
  layer.attention.num_heads = 4;
  layer.attention.num_key_value_heads = 2;
  layer.attention.head_dim = 3;
  layer.feed_forward.size = 5;
  return layer;
}

// The outputs of a tensor of `total` outputs that form our weight of `count` outputs, in order.
std::vector<int> outputs(const LayerConfig& layer, FusedPart part, int64_t count, bool transposed = false) {
  const TheirWeight place{.name = "w", .transposed = transposed, .part = part, .layer = &layer};
  const Shape shape = their_shape(place, {count, kIn});
  const Tensor theirs = Tensor::empty(shape, DType::f32), ours = Tensor::empty({count, kIn}, DType::f32);
  const int64_t total = shape[transposed ? 1 : 0];
  for (int64_t o = 0; o < total; ++o) {
    for (int64_t i = 0; i < kIn; ++i) theirs.host<float>()[transposed ? i * total + o : o * kIn + i] = static_cast<float>(o * kIn + i);
  }
  take_from(theirs, place, ours);
  std::vector<int> rows;
  for (int64_t o = 0; o < count; ++o) {
    const float* row = ours.host<float>() + o * kIn;
    EXPECT_EQ(row[1], row[0] + 1);
    rows.push_back(static_cast<int>(row[0]) / kIn);
  }
  // Writing restores the original places.
  const Tensor again = Tensor::zeros(shape, DType::f32);
  put_into(again, place, ours);
  const std::vector<float> before = theirs.to_vector(), after = again.to_vector();
  for (size_t i = 0; i < after.size(); ++i) EXPECT_TRUE(after[i] == 0 || after[i] == before[i]);
  EXPECT_EQ(total, part.of == FusedPart::Of::qkv ? 24 : 10);
  return rows;
}

std::vector<int> from(int first, int count) {
  std::vector<int> rows(static_cast<size_t>(count));
  std::iota(rows.begin(), rows.end(), first);
  return rows;
}

TEST(WeightLayout, StackedPartsMayBeOfUnequalSize) {
  const LayerConfig layer = grouped();
  for (const bool transposed : {false, true}) {
    EXPECT_EQ(outputs(layer, {FusedPart::Of::qkv, 0}, 12, transposed), from(0, 12));
    EXPECT_EQ(outputs(layer, {FusedPart::Of::qkv, 1}, 6, transposed), from(12, 6));
    EXPECT_EQ(outputs(layer, {FusedPart::Of::qkv, 2}, 6, transposed), from(18, 6));
  }
  EXPECT_EQ(outputs(layer, {FusedPart::Of::gate_up, 0}, 5), from(0, 5));
  EXPECT_EQ(outputs(layer, {FusedPart::Of::gate_up, 1}, 5), from(5, 5));
}

// transformers' GPT-NeoX: query_key_value is [heads, 3, head_dim, in].
TEST(WeightLayout, HeadsMayHaveTheirQueriesKeysAndValuesTogether) {
  LayerConfig layer = grouped();
  layer.attention.num_key_value_heads = 4;
  layer.attention.head_dim = 2;  // [4, 3, 2]: 24 outputs
  constexpr auto kOrder = FusedPart::Order::per_head;
  EXPECT_THAT(outputs(layer, {FusedPart::Of::qkv, 0, kOrder}, 8), ElementsAre(0, 1, 6, 7, 12, 13, 18, 19));
  EXPECT_THAT(outputs(layer, {FusedPart::Of::qkv, 1, kOrder}, 8), ElementsAre(2, 3, 8, 9, 14, 15, 20, 21));
  EXPECT_THAT(outputs(layer, {FusedPart::Of::qkv, 2, kOrder}, 8), ElementsAre(4, 5, 10, 11, 16, 17, 22, 23));
}

// transformers' Falcon with new_decoder_architecture: [key/value heads, queries of each + 2, head_dim, in].
TEST(WeightLayout, GroupsMayHaveTheirQueriesAndOneKeyAndValueTogether) {
  const LayerConfig layer = grouped();
  constexpr auto kOrder = FusedPart::Order::per_group;
  EXPECT_THAT(outputs(layer, {FusedPart::Of::qkv, 0, kOrder}, 12), ElementsAre(0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 17));
  EXPECT_THAT(outputs(layer, {FusedPart::Of::qkv, 1, kOrder}, 6), ElementsAre(6, 7, 8, 18, 19, 20));
  EXPECT_THAT(outputs(layer, {FusedPart::Of::qkv, 2, kOrder}, 6), ElementsAre(9, 10, 11, 21, 22, 23));
}

}  // namespace
}  // namespace qkv
