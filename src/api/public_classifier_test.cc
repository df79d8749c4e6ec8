#include "qkv/classifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "api/test_directories.h"
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
    EXPECT_GE(text.labels[0].probability, text.labels[1].probability);
    EXPECT_NEAR(text.labels[0].probability + text.labels[1].probability, 1, 1e-12);
  }
  EXPECT_TRUE(classifier.classify({}).empty());
}

TEST_F(ClassifierTest, ATextAloneIsThatAmongOthers) {
  const Classifier classifier = Classifier::open(directory_ / "model");
  const std::vector<Classification> together = classifier.classify(texts_);
  for (const int64_t batch_tokens : {1, 10}) {
    for (size_t i = 0; i < texts_.size(); ++i) {
      const Classification alone = classifier.classify(std::span(texts_).subspan(i, 1), {.batch_tokens = batch_tokens})[0];
      EXPECT_EQ(alone.labels[0].label, together[i].labels[0].label);
      EXPECT_EQ(alone.labels[0].probability, together[i].labels[0].probability);
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
  EXPECT_EQ(found[1].labels[0].probability, found[2].labels[0].probability) << "what lies behind the cut is not read";
}

TEST_F(ClassifierTest, EvaluationCountsWhatClassifySays) {
  std::string file;
  int64_t right = 0;
  double nll = 0;
  for (const Classification& text : Classifier::open(directory_ / "model").classify(std::vector{texts_[0], texts_[2]})) {
    right += text.labels[0].label == 1;
    for (const LabelProbability& each : text.labels) nll -= each.label == 1 ? std::log(each.probability) : 0;
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

}  // namespace
}  // namespace qkv
