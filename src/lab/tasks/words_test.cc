#include "lab/tasks/words.h"

#include <gtest/gtest.h>

#include <cmath>

#include "text/training/tokenizer_trainer.h"

namespace qkv::lab {
namespace {

TEST(Words, PunctuationIsPartedAndSpacesBecomeOne) {
  EXPECT_EQ(parted("  Büsche, don't\t(say)  so. "), "Büsche , don ' t ( say ) so .");
  EXPECT_EQ(parted(""), "");
  EXPECT_EQ(parted("…"), "…");
}

TEST(Words, TokensOfALineAreThoseOfItsWords) {
  const std::vector<std::string> lines{"ein Haus , ein Baum", "Häuser und Bäume !", "ein Baumhaus"};
  for (const TokenizerPipeline pipeline :
       {TokenizerPipeline::sentences, TokenizerPipeline::unigram, TokenizerPipeline::words, TokenizerPipeline::word_pieces}) {
    const Tokenizer tokenizer =
        train_tokenizer({.pipeline = pipeline, .vocab_size = 40, .vocab_size_is_upper_bound = true, .min_frequency = 1}, lines);
    for (const std::string& line : lines) {
      std::vector<int32_t> ids;
      const auto words = tokens_of_words(tokenizer, std::span(&line, 1)).front();
      for (const WordTokens& word : words) {
        ids.insert(ids.end(), word.ids.begin(), word.ids.end());
      }
      EXPECT_EQ(ids, tokenizer.encode(line, false)) << static_cast<int>(pipeline) << " " << line;
    }
  }
}

TEST(Words, WordOutsideOfTheVocabularyIsUnknown) {
  const std::vector<std::string> lines{"a b a b"}, test{"a c"};
  const Tokenizer tokenizer = train_tokenizer({.pipeline = TokenizerPipeline::words, .vocab_size = 5}, lines);
  const auto words = tokens_of_words(tokenizer, test).front();
  EXPECT_TRUE(words[0].known);
  EXPECT_FALSE(words[1].known);
}

// The different words are ab, abc and ü: a 2, b 2, c 1, ü 1, ends 3, together 9, and six symbols have one more: 15.
TEST(Spelling, CostsWhatItsFormulaSays) {
  const std::vector<std::string> lines{"ab abc ab", "ü ab"};
  const Spelling spelling(lines);
  EXPECT_NEAR(spelling.bits("ab"), -std::log2(3 / 15.0 * 3 / 15.0 * 4 / 15.0), 1e-12);
  EXPECT_NEAR(spelling.bits("cü"), -std::log2(2 / 15.0 * 2 / 15.0 * 4 / 15.0), 1e-12);
  EXPECT_NEAR(spelling.bits("x"), -std::log2(1 / 15.0 * 4 / 15.0) + 21, 1e-12);
}

// Rare below 2: "neu" (never seen), "alt" (once), and the second line's two "neu", of which its translation has one.
TEST(WordAccuracy, EachIsFoundInItsOwnLineAndOnce) {
  const std::vector<std::string> training{"das haus das alt haus"}, references{"das neu haus alt", "neu neu das"},
      translations{"alt das haus", "neu das"};
  const auto frequencies = word_frequencies(training);
  EXPECT_EQ(frequencies.at("das"), 2);
  EXPECT_DOUBLE_EQ(word_accuracy(translations, references, frequencies, 0, 2), 2 / 4.0);
  EXPECT_DOUBLE_EQ(word_accuracy(translations, references, frequencies, 0, 1), 1 / 3.0);  // those never seen
  EXPECT_DOUBLE_EQ(word_accuracy(translations, references, frequencies, 2, 3), 1);        // "das" and "haus"
}

}  // namespace
}  // namespace qkv::lab
