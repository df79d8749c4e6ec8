// Trainings that follow a limit of time, that are stopped, and what they leave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "models/model.h"
#include "qkv/tokenizer.h"
#include "train/options/option_table.h"
#include "train/trainer_fixture.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// All bytes of the weights after `--max-minutes`, after the same number of updates without a limit of time, and after a stop in between.
TEST_F(Training, ScheduleThatFollowsTheTimeDependsOnTheUpdateAlone) {
  const auto with_preset = [&](const std::string& output) {
    TrainOptions o = options(output);
    apply_preset(o, "tiny");
    o.hidden_size = 16;
    o.ffn_dim = 24;
    o.num_attention_heads = 2;
    o.encoder_layers = o.decoder_layers = 1;
    o.save_every = 7;
    return o;
  };
  TrainOptions timed = with_preset("timed");
  timed.max_minutes = 1;
  timed.max_epochs = 30;  // they end the schedule where the time would not: 30 updates of one batch
  std::vector<double> rates;
  std::vector<std::string> messages;
  TrainCallbacks callbacks;
  callbacks.on_step = [&](const TrainStep& step) { rates.push_back(step.learning_rate); };
  callbacks.on_message = [&](const std::string& message) { messages.push_back(message); };
  callbacks.should_stop = [&] { return rates.size() == 3; };
  EXPECT_THROW(train(timed, callbacks), Error);
  const auto line = std::find_if(messages.begin(), messages.end(), [](const std::string& m) { return m.find("--max-steps") < m.size(); });
  ASSERT_NE(line, messages.end());
  std::istringstream words(line->substr(line->find("--max-steps")));
  TrainOptions counted = with_preset("counted");
  for (std::string name, value; words >> name >> value;) find_train_option(name.substr(2))->set(counted, value, name);
  ASSERT_GT(counted.max_steps, 3);
  EXPECT_EQ(counted.schedule, LearningRateSchedule::cosine);

  callbacks.should_stop = {};
  timed.resume = true;
  timed.max_minutes = 5;  // the schedule stays
  const TrainResult result = train(timed, callbacks);
  EXPECT_EQ(result.end, TrainEnd::max_minutes);
  EXPECT_EQ(result.step, counted.max_steps);
  EXPECT_NEAR(rates.back(), 0, 1e-9);
  train(counted);
  EXPECT_EQ(weights_of("timed"), weights_of("counted"));
  EXPECT_TRUE(train(timed).was_finished);
  timed.max_minutes = 6;
  std::string message;
  EXPECT_EQ(code_of(timed, message), ErrorCode::invalid_argument);
  EXPECT_THAT(message, HasSubstr("the schedule of this training ended with update"));
}

TEST_F(Training, StopBeforeTheFirstUpdateLeavesWhatWasThere) {
  train(options("model"));
  const std::string before = read_file(root_ / "model" / "model.safetensors");
  CancellationToken token;
  TrainOptions o = options("model");
  o.overwrite = true;
  o.cancellation = &token;
  TrainCallbacks callbacks;
  callbacks.on_activity = [&](std::string_view) { token.cancel(); };
  const auto message = [&] {
    try {
      train(o, callbacks);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::interrupted);
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_EQ(message(), "stopped before the first update; nothing was written");
  EXPECT_EQ(read_file(root_ / "model" / "model.safetensors"), before);
  o.output = root_ / "other";
  EXPECT_EQ(message(), "stopped before the first update; nothing was written");
  EXPECT_FALSE(fs::exists(root_ / "other"));
  o.output = root_ / "model";
  o.overwrite = false;
  o.resume = true;
  o.max_steps = 20;
  EXPECT_THAT(message(), HasSubstr("step-8 is still the last checkpoint"));
}

TEST_F(Training, EveryCheckpointIsAModelDirectory) {
  TrainOptions o = options("model");
  o.keep_checkpoints = 2;
  train(o);
  const Tokenizer tokenizer = Tokenizer::load(root_ / "model");
  for (const char* step : {"step-6", "step-8"}) {
    const fs::path checkpoint = root_ / "model" / "checkpoints" / step;
    EXPECT_EQ(load_model(checkpoint)->config.vocab_size, tokenizer.vocab_size());
    EXPECT_EQ(Tokenizer::load(checkpoint).vocab_size(), tokenizer.vocab_size());
  }
  // The last validation was the best or not; the checkpoint has the last weights.
  EXPECT_TRUE(fs::exists(root_ / "model" / "checkpoints" / "step-8" / "generation_config.json"));
}

TEST_F(Training, StoppedTrainingNamesItsCheckpointAndOpens) {
  TrainOptions o = options("model");
  o.validate_every = 1000;
  TrainCallbacks callbacks;
  callbacks.should_stop = [] { return true; };
  try {
    train(o, callbacks);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::interrupted);
    EXPECT_THAT(error.what(), HasSubstr((root_ / "model" / "checkpoints" / "step-0").string()));
  }
  EXPECT_NO_THROW(load_model(root_ / "model"));
  EXPECT_NO_THROW(load_model(root_ / "model" / "checkpoints" / "step-0"));
}

// The longest target has five words and </s>: 6 tokens, half as much but at least 10 more, and the decoder start.
TEST_F(Training, LongestTargetLimitsTranslations) {
  train(options("model"));
  EXPECT_EQ(load_model(root_ / "model")->generation.max_length, 1 + 6 + 10);
}

TEST_F(Training, TellsWhatItDoesBeforeTheFirstUpdate) {
  std::vector<std::string> activities, messages;
  TrainCallbacks callbacks;
  callbacks.on_activity = [&](std::string_view activity) { activities.emplace_back(activity); };
  callbacks.on_message = [&](const std::string& message) { messages.push_back(message); };
  TrainOptions o = options("model");
  o.max_epochs = 2;
  train(o, callbacks);
  EXPECT_THAT(activities, testing::IsSupersetOf({"reading the training data", "training the tokenizer", "tokenizing the training data",
                                                 "making the model", "computing the first update", "validating after step 4"}));
  EXPECT_THAT(messages, testing::Contains(HasSubstr("an epoch has ")));
}

}  // namespace
}  // namespace qkv
