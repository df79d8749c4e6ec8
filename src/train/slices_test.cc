#include "train/slices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qkv {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Slices, BatchesAreCutOnlyWhereThereAreFewerThanSlices) {
  for (const size_t batches : {1u, 2u, 3u, 4u, 6u, 16u, 40u}) {
    std::vector<double> done(batches);
    size_t last = 0;
    for (int slice = 0; slice < 4; ++slice) {
      const std::vector<SliceUnit> units = units_of_slice(batches, 4, slice);
      EXPECT_EQ(units.size(), units_of_slice(batches, 4, 0).size()) << "equal work";
      for (const SliceUnit& unit : units) {
        EXPECT_GE(unit.batch, last) << "in order";
        last = unit.batch;
        done[unit.batch] += 1.0 / unit.parts;
        EXPECT_EQ(unit.parts, batches % 4 == 0 ? 1 : batches % 2 == 0 ? 2 : 4);
      }
    }
    EXPECT_THAT(done, testing::Each(1.0)) << batches;
  }
}

TEST(Slices, PartsHaveAllSequencesOnceAndAboutEqualTokens) {
  TrainingBatch batch;
  const std::vector<int32_t> lengths{5, 1, 1, 1, 4, 4};
  batch.target_in.segments = Segments::of_lengths(lengths);
  for (int32_t i = 0; i < 16; ++i) {
    batch.target_in.ids.push_back(i);
    batch.target_out.push_back(i + 1);
  }
  std::vector<int32_t> ids, counts;
  for (int part = 0; part < 4; ++part) {
    const TrainingBatch piece = part_of(batch, part, 4);
    ids.insert(ids.end(), piece.target_in.ids.begin(), piece.target_in.ids.end());
    counts.push_back(static_cast<int32_t>(piece.target_in.ids.size()));
    ASSERT_EQ(piece.target_out.size(), piece.target_in.ids.size());
    for (size_t i = 0; i < piece.target_out.size(); ++i) EXPECT_EQ(piece.target_out[i], piece.target_in.ids[i] + 1);
  }
  EXPECT_EQ(ids, batch.target_in.ids);
  EXPECT_THAT(counts, ElementsAre(5, 3, 4, 4));
}

TEST(Slices, RowsOfAnEncoderGoWithTheirSequence) {
  TrainingBatch batch;
  const std::vector<int32_t> lengths{3, 3};
  batch.source.segments = Segments::of_lengths(lengths);
  batch.source.ids = {10, 11, 12, 20, 21, 22};
  batch.target_rows = {1, 3, 5};
  batch.target_out = {7, 8, 9};
  const TrainingBatch first = part_of(batch, 0, 2), second = part_of(batch, 1, 2);
  EXPECT_THAT(first.source.ids, ElementsAre(10, 11, 12));
  EXPECT_THAT(first.target_rows, ElementsAre(1));
  EXPECT_THAT(first.target_out, ElementsAre(7));
  EXPECT_THAT(second.target_rows, ElementsAre(0, 2));
  EXPECT_THAT(second.target_out, ElementsAre(8, 9));
}

TEST(Slices, ChoicesOfAQuestionStayTogether) {
  TrainingBatch batch;
  const std::vector<int32_t> lengths{2, 2, 2, 2, 2};
  batch.source.segments = Segments::of_lengths(lengths);
  batch.source.ids = {10, 11, 20, 21, 30, 31, 40, 41, 50, 51};
  batch.target_rows = {0, 2, 4, 6, 8};
  batch.target_groups = {3, 2};
  batch.target_out = {2, 1};
  const TrainingBatch first = part_of(batch, 0, 2), second = part_of(batch, 1, 2);
  EXPECT_THAT(first.target_groups, ElementsAre(3));
  EXPECT_THAT(first.target_out, ElementsAre(2));
  EXPECT_THAT(first.target_rows, ElementsAre(0, 2, 4));
  EXPECT_THAT(second.source.ids, ElementsAre(40, 41, 50, 51));
  EXPECT_THAT(second.target_groups, ElementsAre(2));
  EXPECT_THAT(second.target_out, ElementsAre(1));
  EXPECT_THAT(second.target_rows, ElementsAre(0, 2));
}

TEST(Slices, FewSequencesLeavePartsEmpty) {
  TrainingBatch batch;
  const int32_t length = 4;
  batch.target_in.segments = Segments::of_lengths({&length, 1});
  batch.target_in.ids = batch.target_out = {1, 2, 3, 4};
  int64_t tokens = 0;
  for (int part = 0; part < 8; ++part) tokens += std::ssize(part_of(batch, part, 8).target_out);
  EXPECT_EQ(tokens, 4);
  EXPECT_THAT(part_of(batch, 0, 8).target_out, IsEmpty()) << "the middle of the sequence lies in part 4";
}

}  // namespace
}  // namespace qkv
