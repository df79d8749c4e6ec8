#include "text/stages/text_part.h"

#include <gtest/gtest.h>

#include "text/files/test_files.h"
#include "text/training/tokenizer_trainer.h"

namespace qkv {
namespace {

TEST(TextCut, ComesBeforeTheWhiteSpaceAfterAWord) {
  EXPECT_EQ(text_cut("one two three", 2), 3u);
  EXPECT_EQ(text_cut("one two three", 3), 3u);
  EXPECT_EQ(text_cut("one two three", 4), 7u);
  EXPECT_EQ(text_cut("one  two\n\nthree four", 2), 15u) << "a single space is better than a run";
  EXPECT_EQ(text_cut("one\n\ntwo\n\n\n", 2), 3u) << "any white space is better than none";
  EXPECT_EQ(text_cut("one\u3000 two\u3000 three", 2), 3u) << "before a run of spaces is better than within a word";
}

TEST(TextCut, WithoutSpacesComesBehindALetterBeforePunctuation) {
  EXPECT_EQ(text_cut("日本語。日本語", 4), 9u);
  EXPECT_EQ(text_cut("abc1def,ghi", 1), 7u) << "punctuation is better than a digit";
  EXPECT_EQ(text_cut("abc1def", 1), 3u);
  EXPECT_EQ(text_cut("abc,,,,,def", 4), 4u) << "nothing else is left: no place is between words";
  EXPECT_EQ(text_cut("abc,,,,,def", 4, {}, true), 11u);
  EXPECT_EQ(text_cut("日本\xFF\xE3語,a", 1), 11u);
}

TEST(TextCut, CutsNoCharacterAndNoSeparator) {
  EXPECT_EQ(text_cut("日本語日本語", 4), 6u);
  EXPECT_EQ(text_cut("日本語日本語", 17), 18u);
  EXPECT_EQ(text_cut("ab", 7), 2u);
  EXPECT_EQ(text_cut("aaa<a sep>bbb", 4, "<a sep>"), 10u);
  EXPECT_EQ(text_cut("aaa<sep>bbb", 3, "<sep>"), 3u);
  EXPECT_EQ(text_cut("a<sep><sep>bbb", 3, "<sep>"), 6u);
}

TEST(TextCut, PartsHaveTheTokensOfTheWhole) {
  std::string text;
  for (const std::string& line : read_lines(golden_path("corpus.txt")))
    text += line + (text.size() % 3 ? "\n" : text.size() % 5 ? " \n\n" : "  ");
  const std::vector<std::string> texts{text};
  for (const TokenizerPipeline pipeline : {TokenizerPipeline::byte_pairs, TokenizerPipeline::bytes, TokenizerPipeline::characters}) {
    const Tokenizer tokenizer = train_tokenizer({.pipeline = pipeline, .vocab_size = 700, .vocab_size_is_upper_bound = true}, texts);
    const std::vector<int32_t> whole = tokenizer.encode(text);
    for (const size_t wanted : {1, 50, 777, 5000}) {
      std::vector<int32_t> parts;
      for (std::string_view rest = text; !rest.empty();) {
        const size_t cut = text_cut(rest, wanted);
        const std::vector<int32_t> ids = tokenizer.encode(rest.substr(0, cut));
        parts.insert(parts.end(), ids.begin(), ids.end());
        rest.remove_prefix(cut);
      }
      EXPECT_EQ(parts, whole) << wanted;
    }
  }
}

}  // namespace
}  // namespace qkv
