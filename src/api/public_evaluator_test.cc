#include "qkv/evaluator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "api/test_directories.h"
#include "base/files.h"
#include "formats/json.h"

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

// By scikit-learn, scipy and seqeval (tools/golden/label_scores.py).
class LabelGoldens : public testing::Test {
 protected:
  using Lists = std::vector<Lines>;

  static void expect_labels(const std::vector<LabelScores::Label>& found, const nlohmann::json& expected) {
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].name, expected[i][0]);
      EXPECT_EQ(found[i].texts, expected[i][1]) << found[i].name;
      EXPECT_NEAR(found[i].precision(), expected[i][2], 1e-12) << found[i].name;
      EXPECT_NEAR(found[i].recall(), expected[i][3], 1e-12) << found[i].name;
      EXPECT_NEAR(found[i].f1(), expected[i][4], 1e-12) << found[i].name;
    }
  }
  static void expect_sets(const LabelSetScores& found, const nlohmann::json& expected) {
    EXPECT_NEAR(found.macro_f1, expected["macro_f1"], 1e-12);
    EXPECT_NEAR(found.micro_f1, expected["micro_f1"], 1e-12);
    EXPECT_NEAR(found.exact_match, expected["exact_match"], 1e-12);
    expect_labels(found.labels, expected["labels"]);
  }
  static void expect_numbers(const NumberScores& found, const nlohmann::json& expected, double tolerance) {
    const double error = expected["mean_squared_error"];
    EXPECT_NEAR(found.mean_squared_error, error, tolerance * std::max(1.0, error));
    for (const auto& [value, key] : {std::pair{found.pearson, "pearson"}, {found.spearman, "spearman"}}) {
      ASSERT_EQ(value.has_value(), !expected[key].is_null()) << key;
      if (value) EXPECT_NEAR(*value, expected[key], tolerance) << key;
    }
  }
  static void expect_entities(const EntityScores& found, const nlohmann::json& expected) {
    EXPECT_NEAR(found.accuracy(), expected["accuracy"], 1e-12);
    EXPECT_NEAR(found.precision, expected["precision"], 1e-12);
    EXPECT_NEAR(found.recall, expected["recall"], 1e-12);
    EXPECT_NEAR(found.f1, expected["f1"], 1e-12);
    EXPECT_NEAR(found.macro_f1, expected["macro_f1"], 1e-12);
    expect_labels(found.entities, expected["labels"]);
  }
  const nlohmann::json& model(std::string_view name) const {
    return *std::ranges::find_if(goldens_["models"], [&](const nlohmann::json& each) { return each["model"] == name; });
  }

  const std::filesystem::path root_ = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens";
  const nlohmann::json goldens_ = nlohmann::json::parse(read_file(root_ / "label_scores/expected.json"));
  TemporaryDirectory directory_;
};

TEST_F(LabelGoldens, ScoresOfLabelSetsNumbersAndEntities) {
  for (const nlohmann::json& each : goldens_["sets"])
    expect_sets(score_label_sets(each["predicted"].get<Lists>(), each["right"].get<Lists>(), each["names"].get<Lines>()), each["scores"]);
  using Numbers = std::vector<double>;
  for (const nlohmann::json& each : goldens_["numbers"])
    expect_numbers(score_numbers(each["predicted"].get<Numbers>(), each["right"].get<Numbers>()), each["scores"], 1e-9);
  for (const nlohmann::json& each : goldens_["entities"])
    expect_entities(score_entities(each["predicted"].get<Lists>(), each["right"].get<Lists>()), each["scores"]);
}

TEST_F(LabelGoldens, ModelsOfSeveralLabelsOfNumbersAndOfWords) {
  const auto evaluated = [&](const char* name) {
    return evaluate_classification(root_ / "heads" / name, directory_.write("file", model(name)["file"].get<std::string>()),
                                   {.pairs = true});
  };
  const ClassificationEvaluation several = evaluated("classify_several_word_pieces");
  ASSERT_TRUE(several.label_sets);
  const nlohmann::json& sets = model("classify_several_word_pieces")["scores"];
  expect_sets(*several.label_sets, sets);
  EXPECT_NEAR(several.loss, sets["loss"], 1e-5);
  EXPECT_EQ(several.accuracy, several.label_sets->exact_match);
  const ClassificationEvaluation number = evaluated("classify_number_word_pieces");
  ASSERT_TRUE(number.numbers);
  expect_numbers(*number.numbers, model("classify_number_word_pieces")["scores"], 1e-5);
  EXPECT_NEAR(number.loss, number.numbers->mean_squared_error, 1e-6);

  const nlohmann::json& words = model("tag_word_pieces");
  const TagEvaluation tags = evaluate_tags(root_ / "heads/tag_word_pieces", directory_.write("words", words["file"].get<std::string>()));
  expect_entities(tags.scores, words["scores"]);
  EXPECT_NEAR(tags.loss, words["scores"]["loss"], 1e-5);
  EXPECT_EQ(tags.left_out, words["left_out"]);
  EXPECT_EQ(tags.sentences, 7);
}

TEST_F(LabelGoldens, WhatCannotBeScoredIsNamed) {
  const auto error = [](const auto& call) { return error_of(call, ErrorCode::bad_input); };
  EXPECT_THAT(error([] { score_label_sets(Lists{{"a"}}, Lists{}); }), HasSubstr("1 predicted lists of labels and 0 right ones"));
  EXPECT_THAT(error([] { score_label_sets(Lists{{}}, Lists{{}}); }), HasSubstr("no labels"));
  EXPECT_THAT(error([] { score_label_sets(Lists{{"a", "a"}}, Lists{{"a"}}); }), HasSubstr("\"a\" twice"));
  EXPECT_THAT(error([] { score_label_sets(Lists{{"a"}}, Lists{{"c"}}, Lines{"a", "b"}); }), HasSubstr("\"c\" is none of the labels a, b"));
  EXPECT_THAT(error([] { score_numbers(std::vector<double>{}, std::vector<double>{}); }), HasSubstr("no numbers"));
  EXPECT_THAT(error([] { score_numbers(std::vector{1.0}, std::vector{std::nan("")}); }), HasSubstr("nan is among the numbers"));
  EXPECT_THAT(error([] {
                score_entities(Lists{{"O"}}, Lists{{"O", "O"}});
              }),
              HasSubstr("sentence 1 has 1 predicted labels and 2 right ones"));
  EXPECT_THAT(error([] { score_entities(Lists{{}}, Lists{{}}); }), HasSubstr("no words"));
  const auto tagger = root_ / "heads/tag_word_pieces";
  EXPECT_THAT(error([&] { evaluate_tags(tagger, directory_.write("x", "a B-PER\nb B-ORG\n")); }), HasSubstr("has the label \"B-ORG\""));
  EXPECT_THAT(error([&] { evaluate_tags(tagger, directory_.write("x", "a\n")); }), HasSubstr("line 1 has one column"));
  EXPECT_THAT(error_of([&] { evaluate_classification(tagger, directory_ / "x"); }, ErrorCode::unsupported), HasSubstr("labels no texts"));
  EXPECT_THAT(error_of([&] { evaluate_tags(root_ / "heads/classify_one_word_pieces", directory_ / "x"); }, ErrorCode::unsupported),
              HasSubstr("labels no tokens"));
  EXPECT_EQ(error_of([&] { evaluate_classification(root_ / "heads/classify_one_word_pieces", directory_ / "x", {.second_column = "b"}); },
                     ErrorCode::invalid_argument),
            "second_column goes with pairs");
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
