#include "lab/tasks/labelled_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/temporary_directory.h"
#include "qkv/error.h"

namespace qkv::lab {
namespace {

using Example = LabelledText::Example;
using testing::ElementsAre;

// Ten words of `pieces` tokens each: word i has the tokens 10 i, 10 i + 1, …
Example ten_words(int pieces) {
  Example example{.words = {}, .label = 1};
  for (int32_t i = 0; i < 10; ++i) {
    WordTokens word{.ids = {}, .word = std::to_string(i)};
    for (int32_t piece = 0; piece < pieces; ++piece) word.ids.push_back(10 * i + piece);
    example.words.push_back(std::move(word));
  }
  return example;
}

TEST(LabelledText, TestLabelThatNoTrainingTextHasIsNamed) {
  const TemporaryDirectory directory;
  const Data data{.classification_train = directory.path() / "train.tsv", .classification_test = directory.path() / "test.tsv"};
  write_file_atomically(data.classification_train, "good , really\tyes\nbad\tno\n");
  write_file_atomically(data.classification_test, "good\tyes\nbad\tperhaps\n");
  const Job job{.arm = "", .data = data, .scratch = directory.path()};
  try {
    LabelledText::of(job, {.vocab_size = 50, .vocab_size_is_upper_bound = true});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("line 2 has the label \"perhaps\""));
  }
  write_file_atomically(data.classification_test, "good\tyes\nbad\tno\n");
  const LabelledText& text = LabelledText::of(job, {.vocab_size = 50, .vocab_size_is_upper_bound = true});
  EXPECT_EQ(text.classes(), 2);
  EXPECT_EQ(text.test().front().label, text.training().front().label);
  EXPECT_EQ(text.training().front().words.at(1).word, ",");
}

TEST(LabelledText, LabelStandsAtTheFirstRowOfEachText) {
  const Example example = ten_words(1);
  const Example* both[] = {&example, &example};
  const Batch framed = label_batch(both, {.cls = 101, .sep = 102, .mask = 103, .max_words = 2});
  EXPECT_THAT(framed.input.ids, ElementsAre(101, 0, 10, 102, 101, 0, 10, 102));
  EXPECT_THAT(framed.targets, ElementsAre(1, -1, -1, -1, 1, -1, -1, -1));
  const Batch bare = label_batch(both, {.mask = 103, .max_words = 2});
  EXPECT_THAT(bare.input.ids, ElementsAre(0, 10, 0, 10));
  EXPECT_THAT(bare.targets, ElementsAre(1, -1, 1, -1));
}

TEST(LabelledText, SameWordsAreHiddenHoweverTheyAreCut) {
  for (const uint64_t seed : {1, 2, 3}) {
    std::vector<std::string> first;
    for (const int pieces : {1, 3}) {
      const Example example = ten_words(pieces);
      const Example* one[] = {&example};
      std::vector<const WordTokens*> hidden;
      const Batch batch = masked_batch(one, {.cls = 101, .sep = 102, .mask = 103}, 0.3, RandomStream(seed), &hidden);
      std::vector<std::string> words;
      for (const WordTokens* word : hidden) words.push_back(word->word);
      EXPECT_EQ(words.size(), 3u);
      if (pieces == 1) first = words;
      EXPECT_EQ(words, first);
      // All tokens of the hidden words are masked and predicted, and no others.
      std::vector<int32_t> expected, targets;
      for (const WordTokens* word : hidden) expected.insert(expected.end(), word->ids.begin(), word->ids.end());
      for (size_t i = 0; i < batch.targets.size(); ++i) {
        EXPECT_EQ(batch.input.ids[i] == 103, batch.targets[i] >= 0);
        if (batch.targets[i] >= 0) targets.push_back(batch.targets[i]);
      }
      EXPECT_EQ(targets, expected);
    }
  }
}

TEST(LabelledText, WordsBeyondTheFrameAreLeftOut) {
  const Example example = ten_words(3);
  const Example* one[] = {&example};
  EXPECT_THAT(label_batch(one, {.cls = 101, .sep = 102, .max_tokens = 10}).input.ids, ElementsAre(101, 0, 1, 2, 10, 11, 12, 102));
}

}  // namespace
}  // namespace qkv::lab
