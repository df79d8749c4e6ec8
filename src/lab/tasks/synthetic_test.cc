#include "lab/tasks/synthetic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace qkv::lab {
namespace {

// The rows of sequence i.
struct Rows {
  std::vector<int32_t> tokens, targets;
};
std::vector<Rows> sequences(const Batch& batch) {
  std::vector<Rows> all;
  for (int64_t i = 0; i < batch.input.segments.count(); ++i) {
    const int begin = batch.input.segments.begin(i), end = begin + batch.input.segments.length(i);
    all.push_back(
        {{batch.input.ids.begin() + begin, batch.input.ids.begin() + end}, {batch.targets.begin() + begin, batch.targets.begin() + end}});
  }
  return all;
}

std::vector<int32_t> answers(const Rows& rows) {
  std::vector<int32_t> wanted;
  std::copy_if(rows.targets.begin(), rows.targets.end(), std::back_inserter(wanted), [](int32_t t) { return t >= 0; });
  return wanted;
}

TEST(Synthetic, AnswersFollowTheSequenceAndItsMark) {
  for (const Task task : {Task::copy, Task::reverse, Task::sort}) {
    for (const Rows& rows : sequences(make_batch({.task = task, .symbols = 7, .min_length = 1, .length = 9}, 50, RandomStream(1)))) {
      const auto mark = std::find(rows.tokens.begin(), rows.tokens.end(), 7);
      std::vector<int32_t> expected(rows.tokens.begin(), mark);
      if (task == Task::reverse) std::reverse(expected.begin(), expected.end());
      if (task == Task::sort) std::sort(expected.begin(), expected.end());
      EXPECT_EQ(answers(rows), expected);
      // Each predicted token is the input of the next row.
      EXPECT_TRUE(std::equal(mark + 1, rows.tokens.end(), expected.begin()));
    }
  }
}

TEST(Synthetic, LeftNeighboursAreNamedWhereTheyStand) {
  for (const Rows& rows :
       sequences(make_batch({.task = Task::left, .symbols = 7, .min_length = 2, .length = 9, .continued = false}, 50, RandomStream(1)))) {
    EXPECT_EQ(rows.targets.front(), -1);
    EXPECT_TRUE(std::equal(rows.targets.begin() + 1, rows.targets.end(), rows.tokens.begin()));
  }
}

TEST(Synthetic, RecallAsksForTheValueOfEachKeyOnce) {
  for (const Rows& rows : sequences(make_batch({.task = Task::recall, .symbols = 16, .min_length = 2, .length = 8}, 50, RandomStream(1)))) {
    std::map<int32_t, int32_t> value_of;
    size_t i = 0;
    for (; rows.tokens[i] != 16; i += 2) value_of[rows.tokens[i]] = rows.tokens[i + 1];
    for (++i; i < rows.tokens.size(); ++i) {
      ASSERT_TRUE(value_of.contains(rows.tokens[i]));
      EXPECT_EQ(rows.targets[i], value_of[rows.tokens[i]]);
      value_of.erase(rows.tokens[i]);
    }
    EXPECT_TRUE(value_of.empty());
  }
}

TEST(Synthetic, DistantValueStandsAsFarBeforeTheMarkAsWasAsked) {
  for (const Rows& rows :
       sequences(make_batch({.task = Task::distant, .symbols = 16, .min_length = 40, .length = 40}, 5, RandomStream(1)))) {
    ASSERT_EQ(rows.tokens.size(), 41u);
    EXPECT_EQ(answers(rows), (std::vector<int32_t>{rows.tokens.front()}));
    EXPECT_EQ(rows.targets.back(), rows.tokens.front());
    EXPECT_EQ(std::count_if(rows.tokens.begin(), rows.tokens.end(), [](int32_t t) { return t >= 8 && t < 16; }), 1);
  }
}

TEST(Synthetic, BracketsAreBalancedAndEachClosingOneIsPredicted) {
  for (const Rows& rows :
       sequences(make_batch({.task = Task::brackets, .symbols = 6, .min_length = 1, .length = 10}, 50, RandomStream(1)))) {
    std::vector<int32_t> open;
    for (size_t i = 0; i < rows.tokens.size(); ++i) {
      const int32_t token = rows.tokens[i];
      if (token % 2 == 0) {
        open.push_back(token);
        EXPECT_TRUE(i == 0 || rows.targets[i - 1] == -1);
      } else {
        ASSERT_FALSE(open.empty());
        EXPECT_EQ(token, open.back() + 1);
        EXPECT_EQ(rows.targets[i - 1], token);
        open.pop_back();
      }
    }
    EXPECT_TRUE(open.empty());
  }
}

TEST(Synthetic, CycleAsksForTheValueOfTheNextId) {
  for (const Rows& rows : sequences(make_batch({.task = Task::cycle, .symbols = 24, .length = 3}, 50, RandomStream(1)))) {
    std::map<int32_t, int32_t> value_of;
    for (const int32_t token : rows.tokens) value_of[token / 8] = token % 8;
    ASSERT_EQ(value_of.size(), 3u);
    for (size_t i = 0; i < 3; ++i) EXPECT_EQ(rows.targets[i], value_of[(rows.tokens[i] / 8 + 1) % 3]);
  }
}

TEST(Synthetic, TheSameStreamGivesTheSameBatchAndTestsAreNoTrainingBatches) {
  const TaskOptions options;
  EXPECT_EQ(make_batch(options, 4, training_stream(1, 3)).input.ids, make_batch(options, 4, training_stream(1, 3)).input.ids);
  EXPECT_NE(make_batch(options, 4, training_stream(1, 3)).input.ids, make_batch(options, 4, test_stream(1, 3)).input.ids);
}

}  // namespace
}  // namespace qkv::lab
