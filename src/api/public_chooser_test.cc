#include "qkv/chooser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "api/test_directories.h"
#include "formats/json.h"

namespace qkv {
namespace {

using testing::HasSubstr;

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/heads";

// Golden of tools/golden/heads.py. Also with choices that are empty, that are cut, and of different numbers.
TEST(Chooser, ProbabilitiesAreThoseOfTransformers) {
  for (const char* name : {"choose_word_pieces", "choose_byte_pairs"}) {
    const nlohmann::json expected = nlohmann::json::parse(read_file(kGoldens / name / "expected.json"));
    std::vector<ChoiceQuestion> questions;
    for (const nlohmann::json& each : expected["questions"]) questions.push_back({each[0], each[1]});
    const Chooser chooser = Chooser::open(kGoldens / name);
    const std::vector<ChoiceScores> found = chooser.choose(questions);
    ASSERT_EQ(found.size(), questions.size());
    for (size_t i = 0; i < found.size(); ++i) {
      ASSERT_EQ(found[i].choices.size(), questions[i].choices.size());
      EXPECT_TRUE(std::ranges::is_sorted(found[i].choices, std::greater(), &ScoredChoice::score));
      for (const auto& [choice, score] : found[i].choices) EXPECT_NEAR(score, expected["scores"][i][choice], 2e-5) << name << ' ' << i;
      const ChoiceScores alone = chooser.choose({&questions[i], 1}, {.batch_tokens = 1}).front();
      EXPECT_EQ(alone.choices.front().choice, found[i].choices.front().choice);
      EXPECT_EQ(alone.choices.front().score, found[i].choices.front().score);
    }
    EXPECT_TRUE(found.back().cut);
    EXPECT_FALSE(found.front().cut);
  }
}

TEST(Chooser, WhatItDoesNotTakeIsNamed) {
  const Chooser chooser = Chooser::open(kGoldens / "choose_word_pieces");
  const std::vector<ChoiceQuestion> questions{{"a", {"b"}}, {"c", {}}};
  EXPECT_THAT(error_of([&] { chooser.choose(questions); }, ErrorCode::invalid_argument), HasSubstr("question 2 has no choices"));
  EXPECT_THAT(error_of([&] { chooser.choose({}, {.batch_tokens = 0}); }, ErrorCode::invalid_argument), HasSubstr("batch_tokens: 0"));
  EXPECT_THAT(error_of([] { Chooser::open(kGoldens / "tag_word_pieces"); }, ErrorCode::unsupported),
              HasSubstr("the model scores no choices; it labels tokens (qkv tag)"));
}

}  // namespace
}  // namespace qkv
