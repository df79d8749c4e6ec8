#include "train/output/train_log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"
#include "formats/json.h"
#include "train/output/training_state.h"

namespace qkv {
namespace {

class Log : public testing::Test {
 protected:
  void write_steps(int64_t last_step, std::initializer_list<int64_t> steps) const {
    TrainLog log(path_, last_step);
    for (const int64_t step : steps) log.write(TrainStep{.step = step, .average_loss = 1.0 / static_cast<double>(step)});
  }
  std::vector<int64_t> steps() const {
    std::vector<int64_t> list;
    for (const std::string& line : read_lines(path_)) list.push_back(nlohmann::json::parse(line)["step"]);
    return list;
  }
  TemporaryDirectory directory_;
  std::filesystem::path path_ = directory_ / "train_log.jsonl";
};

TEST_F(Log, ResumingRemovesStepsThatAreMadeAgain) {
  write_steps(0, {10, 20, 30, 40});
  write_steps(20, {30, 40, 50});
  EXPECT_EQ(steps(), (std::vector<int64_t>{10, 20, 30, 40, 50}));
}

TEST_F(Log, ALineThatAKillCutOffIsRemoved) {
  write_steps(0, {10, 20});
  std::ofstream(path_, std::ios::app) << "{\"event\":\"step\",\"step\":2";
  write_steps(20, {30});
  EXPECT_EQ(steps(), (std::vector<int64_t>{10, 20, 30}));
}

TEST_F(Log, LinesHoldWhatWasMeasured) {
  {
    TrainLog log(path_, 0);
    log.write(TrainStep{.step = 5,
                        .epoch = 2,
                        .average_loss = 3.5,
                        .learning_rate = 1e-3,
                        .gradient_norm = 0.5,
                        .tokens_per_second = 100,
                        .elapsed_seconds = 9});
    log.write(TrainValidation{.step = 5, .loss = 2, .perplexity = 7.4, .bleu = 30.25, .best = true, .seconds = 1});
    log.write(TrainValidation{.step = 6, .loss = 2, .perplexity = 7.4, .bits_per_byte = 2.5, .seconds = 1});
  }
  const auto lines = read_lines(path_);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(nlohmann::json::parse(lines[0]), nlohmann::json::parse(R"({"event":"step","step":5,"epoch":2,"loss":3.5,"learning_rate":1e-3,
      "gradient_norm":0.5,"tokens_per_second":100.0,"elapsed_seconds":9.0})"));
  EXPECT_EQ(nlohmann::json::parse(lines[1]),
            nlohmann::json::parse(R"({"event":"validation","step":5,"loss":2.0,"perplexity":7.4,"bleu":30.25,"best":true,"seconds":1.0})"));
  EXPECT_EQ(nlohmann::json::parse(lines[2]),
            nlohmann::json::parse(
                R"({"event":"validation","step":6,"loss":2.0,"perplexity":7.4,"bits_per_byte":2.5,"best":false,"seconds":1.0})"));
}

TEST(State, ComesBackBitForBit) {
  TrainingState state;
  state.step = 123456789012;
  state.elapsed_seconds = 0.1 + 0.2;
  state.best_score = 35.123456789012345;
  state.score_name = "exact match";
  state.window_loss = 1e-300;
  state.finished = "max-steps";
  state.options = deciding_options(TrainOptions{});
  state.inputs = {{"training text", "ab"}};
  const TrainingState back = parse_training_state(to_json(state), "state.json");
  EXPECT_EQ(to_json(back), to_json(state));
  EXPECT_EQ(back.elapsed_seconds, state.elapsed_seconds);
  EXPECT_EQ(back.best_score, state.best_score);
  EXPECT_EQ(back.window_loss, state.window_loss);
}

TEST(State, OneWithoutANameOfItsScoreIsRead) {
  auto json = nlohmann::json::parse(to_json(TrainingState{.step = 5}));
  json.erase("score_name");
  EXPECT_EQ(parse_training_state(json.dump(), "state.json").step, 5);
}

TEST(State, ForeignTextIsOneLineThatNamesTheFile) {
  for (const char* text : {"", "[]", "{}", "{\"version\": 1}", "{\"version\": 99}", "nonsense"}) {
    try {
      parse_training_state(text, "dir/state.json");
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_input);
      EXPECT_TRUE(std::string(error.what()).starts_with("dir/state.json")) << error.what();
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    }
  }
}

std::string refusal(const TrainOptions& before, const TrainOptions& now, const std::string& input = "a") {
  TrainingState a, b;
  a.options = deciding_options(before);
  b.options = deciding_options(now);
  a.inputs = {{"training text", "a"}};
  b.inputs = {{"training text", input}};
  try {
    check_continues(a, b, now);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(State, AnOptionThatWouldChangeTheWeightsIsRefusedByName) {
  TrainOptions before, now;
  EXPECT_EQ(refusal(before, now), "");
  now.hidden_size = 512;
  EXPECT_NE(refusal(before, now).find("hidden_size is 512, but this training began with 256"), std::string::npos) << refusal(before, now);
  EXPECT_NE(refusal(before, before, "b").find("the training text is not the one"), std::string::npos);
}

TEST(State, LimitsAndPlacesMayChange) {
  TrainOptions before, now;
  now.max_steps = 100;
  now.max_minutes = 3;
  now.threads = 7;
  now.save_every = 3;
  now.source = "elsewhere";
  now.resume = true;
  now.learning_rate = 0.5;
  now.dropout = 0.1;
  EXPECT_EQ(refusal(before, now), "");
  EXPECT_EQ(changed_options(before, now),
            (std::vector<std::string>{"--source is elsewhere (before: not given)", "--resume is true (before: false)",
                                      "--dropout is 0.1 (before: 0.3)", "--lr is 0.5 (before: 0.002)", "--max-steps is 100 (before: 0)",
                                      "--max-minutes is 3 (before: 0)", "--save-every is 3 (before: 500)", "--threads is 7 (before: 0)"}));
}

TEST(State, TheEndOfACosineMayNotMoveUnseen) {
  TrainOptions before, now;
  before.schedule = now.schedule = LearningRateSchedule::cosine;
  before.max_steps = 1000;
  now.max_steps = 2000;
  EXPECT_NE(refusal(before, now).find("give schedule_steps 1000"), std::string::npos) << refusal(before, now);
  now.schedule_steps = 1000;
  EXPECT_EQ(refusal(before, now), "");
  now.schedule_steps = 1500;  // seen: somebody asked for it
  EXPECT_EQ(refusal(before, now), "");
  before.schedule = LearningRateSchedule::constant;
  now.schedule_steps = 0;
  EXPECT_EQ(refusal(before, now), "") << "another schedule has another end";
}

}  // namespace
}  // namespace qkv
