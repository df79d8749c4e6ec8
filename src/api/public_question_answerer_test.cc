#include "qkv/question_answerer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/test_directories.h"
#include "formats/json.h"

namespace qkv {
namespace {

using testing::HasSubstr;

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/answers";

class AnswersGolden : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Heads, AnswersGolden, testing::Values("word_pieces", "byte_pairs"), [](const auto& info) { return info.param; });

// tools/golden/answers.py wrote the files. The pipeline fills its lists up with spans of probability 0, which are no answers.
TEST_P(AnswersGolden, AnswersAreThoseOfTransformers) {
  const QuestionAnswerer answerer = QuestionAnswerer::open(kGoldens / GetParam());
  const nlohmann::json expected = nlohmann::json::parse(read_file(kGoldens / GetParam() / "expected.json"));
  std::vector<Question> questions;
  for (const nlohmann::json& each : expected["questions"]) questions.push_back({each[0], each[1]});
  for (const nlohmann::json& run : expected["runs"]) {
    AnswerOptions options{.top_k = run["top_k"],
                          .max_answer_tokens = run["max_answer_tokens"],
                          .no_answer = run["no_answer"],
                          .split_words = run["split_words"],
                          .window = run["window"]};
    if (!run["stride"].is_null()) options.stride = run["stride"];
    const std::vector<std::vector<Answer>> found = answerer.answer(questions, options);
    for (size_t i = 0; i < questions.size(); ++i) {
      nlohmann::json answers = run["answers"][i];
      if (answers.back()[0] == 0) answers.erase(answers.size() - 1);
      ASSERT_EQ(found[i].size(), answers.size()) << run.dump() << ", question " << i;
      for (size_t j = 0; j < answers.size(); ++j) {
        EXPECT_NEAR(found[i][j].score, answers[j][0], 1e-5) << run.dump() << ", question " << i;
        EXPECT_EQ(found[i][j].begin, answers[j][1]) << run.dump() << ", question " << i;
        EXPECT_EQ(found[i][j].end, answers[j][2]) << run.dump() << ", question " << i;
        EXPECT_EQ(found[i][j].text, answers[j][3]) << run.dump() << ", question " << i;
      }
    }
  }
}

TEST(QuestionAnswerer, EveryPartOfALongTextIsRead) {
  const QuestionAnswerer answerer = QuestionAnswerer::open(kGoldens / "word_pieces");
  std::string text;
  for (int i = 0; i < 200; ++i) text += "the boat \xff is old. ";
  const std::vector<Question> questions{{"old?", "very " + text}, {"old?", text + "paris"}, {"old?", ""}};
  const auto found = answerer.answer(questions, {.top_k = 1000});
  EXPECT_TRUE(std::ranges::any_of(found[0], [](const Answer& answer) { return answer.text == "very"; }));
  EXPECT_TRUE(std::ranges::any_of(found[1], [](const Answer& answer) { return answer.text == "paris"; }));
  EXPECT_EQ(found[1][0].text, questions[1].context.substr(found[1][0].begin, found[1][0].end - found[1][0].begin));
  EXPECT_TRUE(found[2].empty());
  EXPECT_EQ(answerer.answer(std::span(questions).first(1), {.top_k = 1000, .batch_tokens = 1})[0][0].score, found[0][0].score);
}

TEST(QuestionAnswerer, WrongUseIsOneLine) {
  const QuestionAnswerer answerer = QuestionAnswerer::open(kGoldens / "word_pieces");
  const std::vector<Question> questions{{"is the boat old?", "very"}};
  EXPECT_THAT(error_of([&] { answerer.answer(questions, {.window = 8}); }, ErrorCode::bad_input),
              HasSubstr("\"is the boat old?\" has 5 tokens, which leaves no room for its text in a window of 8"));
  EXPECT_THAT(error_of([&] { answerer.answer(questions, {.stride = 16}); }, ErrorCode::invalid_argument), HasSubstr("stride 16"));
  EXPECT_THAT(error_of([&] { answerer.answer(questions, {.top_k = 0}); }, ErrorCode::invalid_argument), HasSubstr("top_k"));
  const TemporaryDirectory directory;
  write_encoder(directory / "masked", Head::masked_lm);
  EXPECT_THAT(error_of([&] { QuestionAnswerer::open(directory / "masked"); }, ErrorCode::unsupported),
              HasSubstr("finds no answers; it fills in masked tokens (qkv fill-mask)"));
}

}  // namespace
}  // namespace qkv
