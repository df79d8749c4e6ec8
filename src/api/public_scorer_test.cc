#include "qkv/scorer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/test_directories.h"
#include "formats/json.h"

namespace qkv {
namespace {

using testing::HasSubstr;

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens";

std::vector<ScoreInput> inputs_of(const nlohmann::json& list) {
  std::vector<ScoreInput> inputs;
  for (const nlohmann::json& each : list) {
    inputs.push_back({each["text"].get<std::string>(), std::nullopt});
    if (each.contains("prompt")) inputs.back().prompt = each["prompt"].get<std::string>();
  }
  return inputs;
}

// tools/golden/token_scores.py wrote the expected values.
TEST(Scorer, LogProbabilitiesAndLossesAreThoseOfTransformers) {
  const nlohmann::json golden = nlohmann::json::parse(read_file(kGoldens / "token_scores/expected.json"));
  for (const nlohmann::json& each : golden["cases"]) {
    const std::string name = each["model"];
    SCOPED_TRACE(name);
    const TemporaryDirectory directory;
    for (const char* file : {"config.json", "generation_config.json", "model.safetensors"}) {
      if (is_there(kGoldens / name / file)) write_file_atomically(directory / file, read_file(kGoldens / name / file));
    }
    write_file_atomically(directory / "tokenizer.json", each["tokenizer"].dump());
    const Scorer scorer = Scorer::open(directory.path());
    const std::vector<ScoreInput> inputs = inputs_of(each["inputs"]);
    const std::vector<TextScore> scores = scorer.score(inputs, {.start_token = each["start_token"].get<bool>()});
    ASSERT_EQ(scores.size(), inputs.size());
    for (size_t i = 0; i < scores.size(); ++i) {
      const std::vector<double> expected = each["log_probabilities"][i];
      ASSERT_EQ(scores[i].tokens.size(), expected.size()) << inputs[i].text;
      for (size_t t = 0; t < expected.size(); ++t)
        EXPECT_NEAR(scores[i].tokens[t].log_probability, expected[t], 2e-5) << inputs[i].text << t;
      if (!each["losses"][i].is_null()) {
        EXPECT_NEAR(std::log(scores[i].perplexity()), each["losses"][i].get<double>(), 1e-5);
      }
      EXPECT_EQ(scores[i].bytes, std::ssize(inputs[i].text));
    }
    // Neighbours change no bit.
    EXPECT_EQ(scorer.score(std::span(inputs).subspan(1, 1), {.start_token = each["start_token"].get<bool>(), .batch_tokens = 1})[0]
                  .log_probability,
              scores[1].log_probability);
  }
}

class ScorerTest : public testing::Test {
 protected:
  TemporaryDirectory directory_;
};

// A text of several windows: each begins with the last token of the one before.
TEST_F(ScorerTest, LongTextsAreScoredInWindowsAndPromptsKeepTheirEnd) {
  write_generator(directory_.path());
  const Scorer scorer = Scorer::open(directory_.path());
  std::string text;
  for (int i = 0; i < 60; ++i) text += "the river is new ";
  const TextScore whole = scorer.score(std::vector<ScoreInput>{{text, std::nullopt}})[0];
  ASSERT_GT(std::ssize(whole.tokens), scorer.context());
  EXPECT_TRUE(whole.cut);
  const Tokenizer tokenizer = Tokenizer::load(directory_.path());
  EXPECT_EQ(std::ssize(whole.tokens), std::ssize(tokenizer.encode(text)) - 1);
  const TextScore continuation = scorer.score(std::vector<ScoreInput>{{"the boat", text}})[0];
  EXPECT_TRUE(continuation.cut);
  EXPECT_FALSE(continuation.tokens.empty());
  EXPECT_LT(std::ssize(continuation.tokens), scorer.context());
}

TEST_F(ScorerTest, WhatDoesNotFitTheModelIsRefusedByName) {
  write_translator(directory_.path());
  const Scorer scorer = Scorer::open(directory_.path());
  EXPECT_EQ(scorer.kind(), ScorerKind::encoder_decoder);
  EXPECT_THAT(error_of(
                  [&] {
                    scorer.score(std::vector<ScoreInput>{{"a", "b"}, {"c", std::nullopt}});
                  },
                  ErrorCode::bad_input),
              HasSubstr("text 2 has no source"));
  EXPECT_THAT(error_of([&] { scorer.score({}, {.start_token = true}); }, ErrorCode::invalid_argument), HasSubstr("no language model"));
  EXPECT_THAT(error_of([&] { scorer.score({}, {.batch_tokens = 0}); }, ErrorCode::invalid_argument), HasSubstr("batch_tokens"));
  write_encoder(directory_.path(), Head::classification);
  EXPECT_THAT(error_of([&] { Scorer::open(directory_.path()); }, ErrorCode::unsupported), HasSubstr("predicts no tokens"));
}

TEST(RankChoices, BySumTokensAndBytes) {
  const TokenScore token;
  std::vector<TextScore> choices{{.log_probability = -6, .tokens = {4, token}, .bytes = 6},
                                 {.log_probability = -5, .tokens = {1, token}, .bytes = 4},
                                 {.log_probability = 0, .tokens = {}, .bytes = 0},
                                 {.log_probability = -5, .tokens = {2, token}, .bytes = 20}};
  EXPECT_THAT(rank_choices(choices), testing::ElementsAre(1, 3, 0, 2));
  EXPECT_THAT(rank_choices(choices, RankBy::tokens), testing::ElementsAre(0, 3, 1, 2));
  EXPECT_THAT(rank_choices(choices, RankBy::bytes), testing::ElementsAre(3, 0, 1, 2));
}

}  // namespace
}  // namespace qkv
