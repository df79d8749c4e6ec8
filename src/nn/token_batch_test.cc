#include "nn/token_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qkv {
namespace {

using testing::ElementsAre;

const std::vector<std::vector<int32_t>> kSequences = {{1, 2}, {}, {3, 4, 5}, {6}, {7, 8}};

TEST(TokenBatch, LongestFirstEqualOnesInOrderWithoutEmptyOnes) {
  EXPECT_THAT(batches_by_length(kSequences, {.tokens = 5}), ElementsAre(ElementsAre(2, 0), ElementsAre(4, 3)));
  EXPECT_THAT(batches_by_length(kSequences, {.tokens = 5, .copies = 2}),
              ElementsAre(ElementsAre(2), ElementsAre(0), ElementsAre(4), ElementsAre(3)));
  EXPECT_THAT(batches_by_length(kSequences, {.tokens = 100, .sequences = 3}), ElementsAre(ElementsAre(2, 0, 4), ElementsAre(3)));
}

TEST(TokenBatch, PacksTheChosenSequencesInTheirOrder) {
  const TokenBatch batch = pack(kSequences, std::vector<int32_t>{4, 2});
  EXPECT_THAT(batch.ids, ElementsAre(7, 8, 3, 4, 5));
  EXPECT_EQ(batch.segments.count(), 2);
  EXPECT_EQ(batch.segments.length(0), 2);
  EXPECT_EQ(batch.segments.length(1), 3);
}

}  // namespace
}  // namespace qkv
