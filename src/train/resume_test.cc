// Training that is stopped and goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "io/safetensors.h"
#include "kernels/kernel_table.h"
#include "models/model.h"
#include "train/trainer_fixture.h"

namespace qkv {
namespace {

using testing::HasSubstr;

TEST_F(Training, StoppedBeforeTheFirstValidationLeavesAModelThatOpens) {
  TrainCallbacks callbacks;
  callbacks.should_stop = [] { return true; };
  TrainOptions o = options("model");
  try {
    train(o, callbacks);
    ADD_FAILURE() << "not stopped";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::interrupted);
  }
  EXPECT_NO_THROW(load_model(root_ / "model"));
  o.resume = true;
  train(o);
  train(options("whole"));
  EXPECT_EQ(read_file(root_ / "model" / "model.safetensors"), read_file(root_ / "whole" / "model.safetensors"));
}

TEST_F(Training, StoppedAndResumedGivesTheSameBits) {
  for (const TrainPrecision dtype : {TrainPrecision::f32, TrainPrecision::bf16}) {
    TrainOptions whole = options(fmt::format("whole{}", static_cast<int>(dtype)));
    whole.dtype = dtype;
    whole.accumulate = 2;
    whole.threads = 1;
    train(whole);
    TrainOptions parts = whole;
    parts.output = root_ / fmt::format("parts{}", static_cast<int>(dtype));
    for (const int64_t stop : {3, 5}) {
      TrainCallbacks callbacks;
      int64_t step = 0;
      callbacks.on_step = [&](const TrainStep& made) { step = made.step; };
      callbacks.should_stop = [&] { return step >= stop; };
      parts.threads = stop == 3 ? 2 : 1;
      EXPECT_THROW(train(parts, callbacks), Error);
      EXPECT_EQ(last_checkpoint(parts.output.filename()), fmt::format("step-{}", stop));
      parts.resume = true;
    }
    parts.threads = 3;
    const TrainResult result = train(parts);
    EXPECT_EQ(result.step, 8);
    EXPECT_EQ(weights_of(parts.output.filename()), weights_of(whole.output.filename()));
    EXPECT_EQ(read_file(parts.output / "model.safetensors"), read_file(whole.output / "model.safetensors"));
  }
}

TEST_F(Training, AutoKeepsTheTypeOfTheCheckpointThatIsResumed) {
  const Isa before = current_isa();
  for (const TrainPrecision made : {TrainPrecision::f32, TrainPrecision::bf16}) {
    const std::string name = fmt::format("auto{}", static_cast<int>(made));
    TrainOptions o = options(name);
    o.dtype = made;
    o.max_steps = 4;
    train(o);
    o.dtype = TrainPrecision::automatic;
    o.resume = true;
    o.max_steps = 8;
    set_isa(made == TrainPrecision::bf16 ? Isa::baseline : before);  // on which auto would otherwise choose f32
    std::vector<std::string> said;
    TrainCallbacks callbacks;
    callbacks.on_message = [&](const std::string& message) { said.push_back(message); };
    EXPECT_EQ(train(o, callbacks).step, 8);
    set_isa(before);
    EXPECT_THAT(said, testing::Contains(
                          fmt::format("activations in {}: as the checkpoint was made", made == TrainPrecision::bf16 ? "bf16" : "f32")));
  }
}

TEST_F(Training, ResumingWhatIsFinishedSaysSo) {
  TrainOptions o = options("model");
  train(o);
  const std::string before = read_file(root_ / "model" / "train_log.jsonl");
  o.resume = true;
  const TrainResult again = train(o);
  EXPECT_TRUE(again.was_finished);
  EXPECT_EQ(again.step, 8);
  EXPECT_EQ(read_file(root_ / "model" / "train_log.jsonl"), before);
  o.max_steps = 10;
  const TrainResult more = train(o);
  EXPECT_FALSE(more.was_finished);
  EXPECT_EQ(more.step, 10);
}

TEST_F(Training, RaisingMaxStepsEqualsHavingAskedForThemAtOnce) {
  TrainOptions o = options("parts");
  o.max_steps = 5;
  train(o);
  o.resume = true;
  o.max_steps = 8;
  train(o);
  train(options("whole"));
  EXPECT_EQ(weights_of("parts"), weights_of("whole"));
}

TEST_F(Training, ResumingWithOtherOptionsOrTextIsRefused) {
  TrainOptions o = options("model");
  o.max_steps = 2;
  train(o);
  o.resume = true;
  o.max_steps = 8;
  TrainOptions other = o;
  other.ffn_dim = 48;
  std::string message;
  EXPECT_EQ(code_of(other, message), ErrorCode::invalid_argument);
  EXPECT_THAT(message, HasSubstr("ffn_dim is 48, but this training began with 24"));
  write_pairs("train", 61);
  EXPECT_EQ(code_of(o, message), ErrorCode::invalid_argument);
  EXPECT_THAT(message, HasSubstr("the training text is not the one"));
}

}  // namespace
}  // namespace qkv
