#include "qkv/tokenizer_statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/parallel.h"
#include "text/files/tokenizer_parts.h"

namespace qkv {
namespace {

// Whole words; "x" and "hello" are known.
Tokenizer whole_words() {
  return TokenizerAccess::from_json(
      R"({"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
          "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
          "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "x": 1, "hello": 2, "never": 3}}})",
      "", "test");
}

TEST(TokenizerStatistics, FiguresAreThoseOfTheText) {
  const std::vector<std::string_view> lines = {"x hello  x", "", "w\u00f6rter x"};
  const TokenizerStatistics found = measure_tokenizer(whole_words(), lines, 1);
  EXPECT_EQ(found.bytes, 19u);
  EXPECT_EQ(found.words, 5u);
  EXPECT_EQ(found.tokens, 5u);
  EXPECT_EQ(found.unknown_tokens, 1u);
  EXPECT_EQ(found.used, 3);
  EXPECT_EQ(found.vocab_size, 4);
  EXPECT_DOUBLE_EQ(found.bytes_per_token(), 19.0 / 5);
  EXPECT_DOUBLE_EQ(found.unknown_rate(), 0.2);
  EXPECT_THAT(found.longest_pieces, testing::ElementsAre("hello"));
}

TEST(TokenizerStatistics, NothingIsNoDivisionByZero) {
  const TokenizerStatistics found = measure_tokenizer(whole_words(), {});
  EXPECT_EQ(found.tokens_per_word(), 0);
  EXPECT_EQ(found.bytes_per_token(), 0);
  EXPECT_TRUE(found.longest_pieces.empty());
}

TEST(TokenizerStatistics, ThreadsDoNotChangeThem) {
  std::vector<std::string> texts;
  for (int i = 0; i < 3000; ++i) texts.push_back(i % 3 == 0 ? "hello x" : "x y z");
  const std::vector<std::string_view> lines(texts.begin(), texts.end());
  const int threads = num_threads();
  set_num_threads(1);
  const TokenizerStatistics one = measure_tokenizer(whole_words(), lines);
  set_num_threads(3);
  const TokenizerStatistics three = measure_tokenizer(whole_words(), lines);
  set_num_threads(threads);
  EXPECT_EQ(one.tokens, three.tokens);
  EXPECT_EQ(one.unknown_tokens, three.unknown_tokens);
  EXPECT_EQ(one.longest_pieces, three.longest_pieces);
}

}  // namespace
}  // namespace qkv
