#include "qkv/evaluator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "api/test_directories.h"

namespace qkv {
namespace {

using testing::HasSubstr;
using Lines = std::vector<std::string>;

// Expected values: corpus_bleu and corpus_chrf of sacrebleu 2.6.0.
TEST(Evaluator, ScoresOfTranslations) {
  const TranslationScores scores =
      score_translations(Lines{"the cat sat on the mat", "a dog barks "}, Lines{"the cat sat on a mat", "a dog barks"});
  ASSERT_TRUE(scores.bleu);
  EXPECT_NEAR(*scores.bleu, 59.6949179201965, 1e-6);
  EXPECT_NEAR(scores.chrf, 80.93502334001491, 1e-6);
  EXPECT_EQ(scores.exact_matches, 1);
  EXPECT_EQ(scores.lines, 2);
  EXPECT_EQ(scores.exact_match(), 50);
  EXPECT_FALSE(score_translations(Lines{"a b"}, Lines{"a b c"}).bleu) << "no reference has four words";
  EXPECT_THAT(error_of([] { score_translations(Lines{"a"}, {}); }, ErrorCode::bad_input), HasSubstr("1 hypotheses and 0 references"));
}

class TextEvaluationTest : public testing::Test {
 protected:
  void SetUp() override {
    write_generator(directory_ / "lm");
    write_encoder(directory_ / "mlm", Head::masked_lm);
    std::string text;
    for (int i = 0; i < 20; ++i) text += "ein Haus am See\nthe boat is old\n";
    write_file_atomically(directory_ / "text", text);
  }
  std::string error(const char* model, const TextEvaluationOptions& options, ErrorCode code) const {
    return error_of([&] { evaluate_text(directory_ / model, directory_ / "text", options); }, code);
  }

  TemporaryDirectory directory_;
};

TEST_F(TextEvaluationTest, ValuesFitTogether) {
  const TextEvaluation lm = evaluate_text(directory_ / "lm", directory_ / "text", {.context = 16});
  EXPECT_FALSE(lm.masked);
  EXPECT_EQ(lm.context, 16);
  EXPECT_EQ(lm.bytes, 20 * 32);
  EXPECT_DOUBLE_EQ(lm.perplexity, std::exp(lm.loss));
  ASSERT_TRUE(lm.bits_per_byte);
  EXPECT_FALSE(lm.masked_bits_per_byte);
  EXPECT_NEAR(*lm.bits_per_byte, lm.loss * static_cast<double>(lm.tokens) / std::log(2.0) / static_cast<double>(lm.bytes), 1e-9);
  const TextEvaluation mlm = evaluate_text(directory_ / "mlm", directory_ / "text");
  EXPECT_TRUE(mlm.masked);
  EXPECT_EQ(mlm.context, 40) << "the model's positions";
  EXPECT_TRUE(mlm.masked_bits_per_byte);
  EXPECT_FALSE(mlm.bits_per_byte);
  EXPECT_GT(mlm.unknown_tokens, 0);
  EXPECT_EQ(mlm.unknown_token, "[UNK]");
}

TEST_F(TextEvaluationTest, OptionsThatCannotBeAreNamed) {
  EXPECT_EQ(error("lm", {.context = -1}, ErrorCode::invalid_argument), "context: -1 is too small; it must be at least 0");
  EXPECT_EQ(error("mlm", {.context = 41}, ErrorCode::invalid_argument), "context 41 is more than the model's 40 positions");
  EXPECT_EQ(error("mlm", {.context = 2}, ErrorCode::invalid_argument), "context 2 has no room besides [CLS] and [SEP]");
  EXPECT_THAT(error("lm", {.document_separator = "=="}, ErrorCode::bad_input), HasSubstr("text"));
  write_translator(directory_ / "mt");
  EXPECT_THAT(error("mt", {}, ErrorCode::unsupported), HasSubstr("the model has an encoder"));
}

TEST_F(TextEvaluationTest, EndsWhenCancelled) {
  CancellationToken token;
  token.cancel();
  for (const char* model : {"lm", "mlm"}) EXPECT_EQ(error(model, {.cancellation = &token}, ErrorCode::interrupted), "interrupted");
}

}  // namespace
}  // namespace qkv
