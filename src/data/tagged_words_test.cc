#include "data/tagged_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"
#include "qkv/tokenizer_trainer.h"

namespace qkv {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Tagged : public testing::Test {
 protected:
  TaggedWords read(const std::string& content) const {
    write_file_atomically(folder_ / "words.txt", content);
    return read_tagged_words(TextSource(folder_ / "words.txt"));
  }
  static std::string message(const std::function<void()>& call) {
    try {
      call();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  TemporaryDirectory folder_;
};

TEST_F(Tagged, FirstAndLastColumnsCountAndBlankLinesSeparate) {
  const TaggedWords words = read("-DOCSTART- -X- O\n\nJohn NNP B-PER\nsmiled\tVBD\tO\r\n \n\n# a comment\nBerlin  B-LOC\n# I-LOC");
  ASSERT_EQ(words.sentences.size(), 2u);
  EXPECT_THAT(words.sentences[0].words, ElementsAre("John", "smiled"));
  EXPECT_THAT(words.sentences[0].labels, ElementsAre("B-PER", "O"));
  EXPECT_THAT(words.sentences[1].words, ElementsAre("Berlin", "#")) << "a comment stands before a sentence";
  EXPECT_EQ(words.source.place(words.sentences[1].offset).line, 8);
  EXPECT_THAT(label_names(words), ElementsAre("O", "B-LOC", "B-PER", "I-LOC"));
}

TEST_F(Tagged, HeldOutSentencesAreNotTrainedOn) {
  const HeldOutSentences parts = hold_out_sentences(read("a O\n\nb O\n\nc O\n\na B\n"), 1, 3);
  ASSERT_EQ(parts.validation.sentences.size(), 1u);
  EXPECT_EQ(parts.training.sentences.size(), 3u);
  EXPECT_NE(parts.validation.sentences[0].words[0], "a") << "it occurs twice";
}

// The first token of each word predicts its label; words behind the cut and those without a token predict nothing.
TEST_F(Tagged, TheFirstTokenOfAWordPredicts) {
  const std::vector<std::string> lines{"john smith john smith"};
  const Tokenizer pieces =
      train_tokenizer({.pipeline = TokenizerPipeline::word_pieces, .vocab_size = 40, .vocab_size_is_upper_bound = true}, lines);
  const Tokenizer bytes = train_tokenizer({.pipeline = TokenizerPipeline::bytes}, lines);
  const TaggedWords words = read("john B\nmithjohn O\n\x01 B\nsmith, O\nsmith B\njohn O\n");
  const std::vector<std::string> names{"O", "B"};
  const LabelledTexts texts = tokenize_tagged_words(words, names, pieces, 6);
  const std::vector<int32_t>& ids = texts.inputs().ids[0];
  std::vector<std::string> predicting;
  for (const int32_t row : texts.rows()[0]) predicting.push_back(pieces.id_to_token(ids[static_cast<size_t>(row)]));
  EXPECT_EQ(predicting.front(), "john");
  EXPECT_TRUE(std::ranges::none_of(predicting, [](const std::string& token) { return token.starts_with("##"); }));
  EXPECT_EQ(texts.labels(0).size(), texts.rows()[0].size());
  EXPECT_EQ(texts.labels(0)[0], 1);
  EXPECT_EQ(texts.labels(0)[1], 0);
  EXPECT_EQ(texts.cut(), 1);
  EXPECT_EQ(ids.size(), 6u);
  const LabelledTexts all = tokenize_tagged_words(words, names, bytes, 99);
  EXPECT_THAT(all.labels(0), ElementsAre(1, 0, 1, 0, 1, 0));
  EXPECT_EQ(all.rows()[0][1] - all.rows()[0][0], 5) << "bytes of the first word and the space";
}

TEST_F(Tagged, BadLinesAreNamed) {
  EXPECT_THAT(message([&] { read("a O\nb\n"); }), HasSubstr("words.txt: line 2 has one column; each line must be a word and"));
  EXPECT_THAT(message([&] { read("\xff O\n"); }), HasSubstr("line 1 is not valid UTF-8"));
  EXPECT_THAT(message([&] { read("\n\n"); }), HasSubstr("has no sentence"));
  EXPECT_THAT(message([&] { label_names(read("a O\n")); }), HasSubstr("all words have the label \"O\""));
  const Tokenizer tokenizer = train_tokenizer({.pipeline = TokenizerPipeline::bytes}, std::vector<std::string>{"a"});
  const std::vector<std::string> names{"O"};
  EXPECT_THAT(message([&] { tokenize_tagged_words(read("x O\n\na O\nb B\n"), names, tokenizer, 9); }),
              HasSubstr("the sentence at line 3 has the label \"B\", which is none of the model's: O"));
}

}  // namespace
}  // namespace qkv
