#include "qkv/classifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "api/test_directories.h"
#include "formats/json.h"
#include "qkv/evaluator.h"

namespace qkv {
namespace {

using testing::HasSubstr;

class ClassifierTest : public testing::Test {
 protected:
  void SetUp() override { write_encoder(directory_ / "model", Head::classification); }

  TemporaryDirectory directory_;
  const std::vector<std::string> texts_{"the boat is old", "", "very good", "rivers \xff", std::string(400, 'o')};
};

TEST_F(ClassifierTest, ProbabilitiesSumToOneTheLikeliestFirst) {
  const Classifier classifier = Classifier::open(directory_ / "model");
  EXPECT_THAT(classifier.labels(), testing::ElementsAre("bad", "good"));
  EXPECT_EQ(classifier.max_tokens(), 40);
  for (const Classification& text : classifier.classify(texts_)) {
    ASSERT_EQ(text.labels.size(), 2u);
    EXPECT_NE(text.labels[0].label, text.labels[1].label);
    EXPECT_GE(text.labels[0].score, text.labels[1].score);
    EXPECT_NEAR(text.labels[0].score + text.labels[1].score, 1, 1e-12);
  }
  EXPECT_TRUE(classifier.classify(std::span<const std::string>()).empty());
}

TEST_F(ClassifierTest, ATextAloneIsThatAmongOthers) {
  const Classifier classifier = Classifier::open(directory_ / "model");
  const std::vector<Classification> together = classifier.classify(texts_);
  for (const int64_t batch_tokens : {1, 10}) {
    for (size_t i = 0; i < texts_.size(); ++i) {
      const Classification alone = classifier.classify(std::span(texts_).subspan(i, 1), {.batch_tokens = batch_tokens})[0];
      EXPECT_EQ(alone.labels[0].label, together[i].labels[0].label);
      EXPECT_EQ(alone.labels[0].score, together[i].labels[0].score);
    }
  }
}

TEST_F(ClassifierTest, LongTextsAreCutAndSaySo) {
  const std::string words = [] {
    std::string text;
    for (int i = 0; i < 100; ++i) text += "boat ";
    return text;
  }();
  const std::vector<std::string> texts{"boat", words, words + "and rivers"};
  const std::vector<Classification> found = Classifier::open(directory_ / "model").classify(texts);
  EXPECT_FALSE(found[0].cut);
  EXPECT_TRUE(found[1].cut);
  EXPECT_EQ(found[1].labels[0].score, found[2].labels[0].score) << "what lies behind the cut is not read";
}

TEST_F(ClassifierTest, EvaluationCountsWhatClassifySays) {
  std::string file;
  int64_t right = 0;
  double nll = 0;
  for (const Classification& text : Classifier::open(directory_ / "model").classify(std::vector<std::string>{texts_[0], texts_[2]})) {
    right += text.labels[0].label == 1;
    for (const LabelScore& each : text.labels) nll -= each.label == 1 ? std::log(each.score) : 0;
  }
  write_file_atomically(directory_ / "texts", texts_[0] + "\tgood\n" + texts_[2] + "\tgood\n");
  const ClassificationEvaluation found = evaluate_classification(directory_ / "model", directory_ / "texts");
  EXPECT_EQ(found.right, right);
  EXPECT_EQ(found.texts, 2);
  EXPECT_EQ(found.max_tokens, 40);
  EXPECT_DOUBLE_EQ(found.accuracy, static_cast<double>(right) / 2);
  EXPECT_NEAR(found.loss, nll / 2, 1e-9);
}

TEST_F(ClassifierTest, WrongUseIsOneLine) {
  const auto zero = [&] { Classifier::open(directory_ / "model").classify(texts_, {.batch_tokens = 0}); };
  EXPECT_EQ(error_of(zero, ErrorCode::invalid_argument), "batch_tokens: 0 is too small; it must be at least 1");
  write_encoder(directory_ / "masked", Head::masked_lm);
  EXPECT_THAT(error_of([&] { Classifier::open(directory_ / "masked"); }, ErrorCode::unsupported), HasSubstr("labels no texts"));
  EXPECT_THAT(error_of([&] { Classifier::open(directory_ / "nothing"); }, ErrorCode::io), HasSubstr("nothing"));
  const std::vector<std::string> bytes{"abc"};
  train_tokenizer({.pipeline = TokenizerPipeline::bytes}, bytes).save(directory_ / "model");  // 257 tokens
  EXPECT_THAT(error_of([&] { Classifier::open(directory_ / "model"); }, ErrorCode::bad_input), HasSubstr("do not belong together"));
}

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/heads";

// Pairs of a golden of tools/golden/heads.py.
std::vector<TextPair> pairs_of(const nlohmann::json& expected) {
  std::vector<TextPair> pairs;
  for (const nlohmann::json& pair : expected["pairs"]) pairs.push_back({pair[0], pair[1]});
  return pairs;
}

void expect_scores(const std::vector<Classification>& found, const nlohmann::json& scores, const std::string& name) {
  ASSERT_EQ(found.size(), scores.size()) << name;
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_EQ(found[i].labels.size(), scores[i].size()) << name;
    for (const auto& [label, score] : found[i].labels)
      EXPECT_NEAR(score, scores[i][static_cast<size_t>(label)], 2e-5) << name << ", pair " << i;
    EXPECT_TRUE(std::ranges::is_sorted(found[i].labels, std::greater(), &LabelScore::score));
  }
}

// One label, several labels, a single label and a number; also with longer pairs, which are cut, and texts without tokens.
TEST(ClassifierGolden, ScoresOfPairsAreThoseOfTransformers) {
  for (const char* name :
       {"one_word_pieces", "one_byte_pairs", "several_word_pieces", "single_word_pieces", "single_byte_pairs", "number_word_pieces"}) {
    const std::filesystem::path golden = kGoldens / (std::string("classify_") + name);
    const nlohmann::json expected = nlohmann::json::parse(read_file(golden / "expected.json"));
    const std::vector<Classification> found = Classifier::open(golden).classify(pairs_of(expected));
    expect_scores(found, expected["scores"], name);
    EXPECT_TRUE(found.back().cut);
    EXPECT_FALSE(found[2].cut);
  }
}

TEST(ClassifierGolden, CrossEncodersKeepTheirFunction) {
  const std::filesystem::path golden = kGoldens / "classify_single_word_pieces";
  const nlohmann::json expected = nlohmann::json::parse(read_file(golden / "expected.json"));
  const TemporaryDirectory directory;
  for (const char* file : {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"})
    std::filesystem::copy_file(golden / file, directory / file);
  const auto function = [&] { return Classifier::open(directory.path()).score_function(); };
  const auto write = [&](const char* file, const nlohmann::json& changes) {
    nlohmann::json json = is_there(directory / file) ? nlohmann::json::parse(read_file(directory / file)) : nlohmann::json::object();
    json.merge_patch(changes);
    write_file_atomically(directory / file, json.dump());
  };
  EXPECT_EQ(function(), ScoreFunction::sigmoid);
  write("config.json", {{"sbert_ce_default_activation_function", "torch.nn.modules.linear.Identity"}});
  EXPECT_EQ(function(), ScoreFunction::none);
  write("config.json", {{"sentence_transformers", {{"activation_fn", "torch.nn.modules.activation.Sigmoid"}}}});
  EXPECT_EQ(function(), ScoreFunction::sigmoid);
  write("config_sentence_transformers.json", {{"activation_fn", "torch.nn.modules.linear.Identity"}, {"model_type", "CrossEncoder"}});
  EXPECT_EQ(function(), ScoreFunction::none);
  nlohmann::json logits = expected["scores"];
  for (nlohmann::json& scores : logits) {
    for (nlohmann::json& p : scores) p = std::log(p.get<double>() / (1 - p.get<double>()));
  }
  const Classifier classifier = Classifier::open(directory.path());
  expect_scores(classifier.classify(pairs_of(expected)), logits, "outputs");
  expect_scores(classifier.classify(pairs_of(expected), {.scores = ScoreFunction::sigmoid}), expected["scores"], "asked for");
  write("config_sentence_transformers.json", {{"activation_fn", "somebody.Else"}});
  EXPECT_THAT(error_of([&] { function(); }, ErrorCode::unsupported), HasSubstr("the function after the logits is \"somebody.Else\""));
}

TEST_F(ClassifierTest, WhetherATextFollowsNeedsPairs) {
  write_encoder(directory_ / "next", Head::next_sentence);
  const Classifier classifier = Classifier::open(directory_ / "next");
  EXPECT_TRUE(classifier.needs_pairs());
  EXPECT_THAT(classifier.labels(), testing::ElementsAre("follows", "does not follow"));
  const std::vector<TextPair> pairs{{"the boat is old", "very good"}};
  const Classification found = classifier.classify(pairs)[0];
  EXPECT_NEAR(found.labels[0].score + found.labels[1].score, 1, 1e-12);
  EXPECT_THAT(error_of([&] { classifier.classify(texts_); }, ErrorCode::invalid_argument), HasSubstr("needs pairs"));
}

}  // namespace
}  // namespace qkv
