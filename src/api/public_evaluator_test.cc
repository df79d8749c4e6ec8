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

// By sacrebleu 2.6.0: BLEU, CHRF, CHRF(word_order=2) and TER of these lines.
TEST(Evaluator, SeveralReferences) {
  const std::vector<Lines> references{{"the cat sat on a mat", "a dog barks"}, {"there is the cat on the mat", "the dog barks loudly"}};
  const Lines hypotheses{"the cat sat on the mat", "dog barks loudly"};
  const TranslationScores scores = score_translations(hypotheses, references, {.word_error_rate = true, .token_error_rate = true});
  ASSERT_TRUE(scores.bleu);
  EXPECT_NEAR(*scores.bleu, 71.86082239261687, 1e-9);
  EXPECT_NEAR(scores.chrf, 77.49346097084124, 1e-9);
  EXPECT_NEAR(scores.chrf_plus_plus, 76.35119715956507, 1e-9);
  EXPECT_NEAR(scores.ter, 20.0, 1e-9);
  EXPECT_EQ(scores.ter_signature, "nrefs:2|case:lc|tok:tercom|norm:no|punct:yes|asian:no|version:2.6.0");
  ASSERT_TRUE(scores.word_errors && scores.token_errors);
  EXPECT_EQ(scores.word_errors->errors(), 2) << "one word of each line";
  EXPECT_EQ(scores.word_errors->tokens, 10);
  EXPECT_EQ(scores.token_errors->errors(), 2) << "white space separates tokens";
  EXPECT_EQ(*scores.word_errors->percent(), 20);
  EXPECT_THAT(error_of([&] { score_translations(Lines{"a"}, references, {}); }, ErrorCode::bad_input),
              HasSubstr("1 hypotheses and 2 references"));
  EXPECT_THAT(error_of([&] { score_translations(Lines{"a"}, std::span<const Lines>(), {}); }, ErrorCode::bad_input),
              HasSubstr("no references"));
}

TEST(Evaluator, ScoringOptionsThatContradictEachOtherAreNamed) {
  const auto error = [](const ScoringOptions& options) {
    const Lines line{"a"};
    return error_of([&] { score_translations(line, {&line, 1}, options); }, ErrorCode::invalid_argument);
  };
  EXPECT_EQ(error({.smoothing_value = 1}), "smoothing_value goes with smoothing floor or add-k");
  EXPECT_EQ(error({.smoothing = BleuSmoothing::floor, .smoothing_value = -1}), "smoothing_value: -1 is too small; it must be at least 0");
  EXPECT_THAT(error({.ter_asian_support = true}), HasSubstr("ter_normalized"));
  const Tokenizer tokenizer = make_test_tokenizer();
  EXPECT_EQ(error({.tokenizer = &tokenizer}), "tokenizer goes with token_error_rate");
}

// "[UNK]" would make different words equal.
TEST(Evaluator, TokensThatTheTokenizerDoesNotKnowAreComparedByTheirText) {
  const Lines lines{"the boat is old", "the river is new"};
  const Tokenizer tokenizer =
      train_tokenizer({.pipeline = TokenizerPipeline::word_pieces, .vocab_size = 60, .vocab_size_is_upper_bound = true}, lines);
  const auto errors = [&](const std::string& hypothesis, const std::string& reference) {
    const Lines references{reference};
    return *score_translations(Lines{hypothesis}, {&references, 1}, {.token_error_rate = true, .tokenizer = &tokenizer}).token_errors;
  };
  EXPECT_EQ(errors("the 猫 is old", "the 犬 is old").substitutions, 1);
  EXPECT_EQ(errors("the 猫 is old", "the 犬 is old").unknown_tokens, 2);
  EXPECT_EQ(errors("the 猫 is old", "the 猫 is old").errors(), 0);
}

TEST(Evaluator, ComparisonNeedsTwoSystemsOfTheSameLines) {
  const std::vector<Lines> references{{"the cat sat on a mat", "a dog barks"}};
  const auto error = [&](const std::vector<Lines>& systems) {
    return error_of([&] { compare_translations(systems, references); }, ErrorCode::bad_input);
  };
  EXPECT_THAT(error({references[0]}), HasSubstr("two systems"));
  EXPECT_THAT(error({references[0], {"a"}}), HasSubstr("1 hypotheses and 2 references"));
  EXPECT_EQ(
      error_of([&] { compare_translations(std::vector(2, references[0]), references, {.resamples = 0}); }, ErrorCode::invalid_argument),
      "resamples: 0 is too small; it must be at least 1");
  const std::vector<MeasureComparison> equal = compare_translations(std::vector(2, references[0]), references, {.resamples = 10});
  ASSERT_EQ(equal.size(), 4u);
  EXPECT_EQ(equal[0].systems[0].p_value, std::nullopt);
  EXPECT_EQ(equal[0].systems[1].p_value, 1);
  const std::vector<Lines> short_lines{{"a b", "c"}};
  EXPECT_EQ(compare_translations(std::vector(2, short_lines[0]), short_lines, {.resamples = 10})[0].name, "chrF2") << "BLEU is undefined";
}

TEST(Evaluator, ScoresOfLabels) {
  const LabelScores scores = score_labels(Lines{"a", "b", "b", "a"}, Lines{"a", "b", "a", "a"});
  EXPECT_EQ(scores.confusion, (std::vector<std::vector<int64_t>>{{2, 1}, {0, 1}}));
  EXPECT_DOUBLE_EQ(scores.macro_f1, (0.8 + 2.0 / 3) / 2);
  EXPECT_DOUBLE_EQ(scores.micro_f1, 0.75);
  EXPECT_THAT(error_of([] { score_labels(Lines{"a"}, {}); }, ErrorCode::bad_input), HasSubstr("1 predicted labels and 0 right ones"));
  EXPECT_THAT(error_of([] { score_labels({}, {}); }, ErrorCode::bad_input), HasSubstr("nothing to score"));
  EXPECT_EQ(error_of(
                [] {
                  score_labels(Lines{"a"}, Lines{"c"}, Lines{"a", "b"});
                },
                ErrorCode::bad_input),
            "\"c\" is none of the labels a, b");
  EXPECT_THAT(error_of([] { score_labels(Lines{"a"}, Lines{"a"}, Lines{"a", "a"}); }, ErrorCode::bad_input), HasSubstr("twice"));
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

TEST_F(TextEvaluationTest, SeveralFilesAndColumnsAreOneText) {
  const TextEvaluation whole = evaluate_text(directory_ / "lm", directory_ / "text", {.context = 16});
  std::string lines;
  for (int i = 0; i < 20; ++i) lines += fmt::format("{{\"n\": {}, \"text\": \"{}\"}}\n", i, "ein Haus am See\\nthe boat is old");
  const auto half = static_cast<std::ptrdiff_t>(lines.find("{\"n\": 10"));
  const TextFiles files{directory_.write("a", {lines.begin(), lines.begin() + half}),
                        directory_.write("b", {lines.begin() + half, lines.end()})};
  EXPECT_EQ(evaluate_text(directory_ / "lm", files, {.text_column = "text", .context = 16}).loss, whole.loss);
  EXPECT_THAT(error("lm", {.text_column = "text"}, ErrorCode::bad_input), HasSubstr("line 1 has no column \"text\""));
}

TEST_F(TextEvaluationTest, EndsWhenCancelled) {
  CancellationToken token;
  token.cancel();
  for (const char* model : {"lm", "mlm"}) EXPECT_EQ(error(model, {.cancellation = &token}, ErrorCode::interrupted), "interrupted");
}

}  // namespace
}  // namespace qkv
