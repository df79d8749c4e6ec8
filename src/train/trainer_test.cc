// Complete trainings of a model with a few thousand weights.
#include "qkv/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "io/safetensors.h"
#include "kernels/kernel_table.h"
#include "models/model.h"
#include "train/trainer_fixture.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TEST_F(Training, LearnsItsPairs) {
  TrainOptions o = options("model");
  o.hidden_size = 32;
  o.ffn_dim = 64;
  o.dropout = 0;
  o.learning_rate = 1e-2;
  o.warmup_steps = 20;
  o.max_steps = 160;
  o.validate_every = 80;
  o.save_every = 1000;
  o.ema_decay = 0.9;
  std::vector<double> losses;
  TrainCallbacks callbacks;
  callbacks.on_step = [&](const TrainStep& step) { losses.push_back(step.loss); };
  const TrainResult result = train(o, callbacks);
  EXPECT_LT(losses.back(), 0.4 * losses.front());
  EXPECT_GT(result.best_score, 60);
}

TEST_F(Training, TranslationsOfOneWordAreJudgedByExactMatch) {
  std::string source, target;
  for (int i = 0; i < 40; ++i) {
    source += i % 2 ? "one\n" : "two\n";
    target += i % 2 ? "eins\n" : "zwei\n";
  }
  for (const char* name : {"train", "valid"}) {
    write_file_atomically(root_ / (std::string(name) + ".en"), source);
    write_file_atomically(root_ / (std::string(name) + ".de"), target);
  }
  TrainOptions o = options("model");
  o.dropout = 0;
  o.ema_decay = 0;
  o.learning_rate = 1e-2;
  o.max_steps = 60;
  o.validate_every = 20;
  std::vector<TrainValidation> validations;
  TrainCallbacks callbacks;
  callbacks.on_validation = [&](const TrainValidation& validation) { validations.push_back(validation); };
  const TrainResult result = train(o, callbacks);
  ASSERT_EQ(validations.size(), 3u);
  EXPECT_FALSE(validations.back().bleu);
  EXPECT_EQ(validations.back().exact_match, 1);
  EXPECT_EQ(result.best_score, 1);
  EXPECT_EQ(result.score_name, "exact match");
  o.resume = true;
  EXPECT_EQ(train(o).score_name, "exact match");
}

TEST_F(Training, TheDirectoryHoldsTheAveragedWeightsOfTheBestStep) {
  TrainOptions o = options("model");
  std::vector<TrainValidation> validations;
  TrainCallbacks callbacks;
  callbacks.on_validation = [&](const TrainValidation& validation) { validations.push_back(validation); };
  train(o, callbacks);
  ASSERT_EQ(validations.size(), 2u);
  EXPECT_TRUE(validations.back().best) << "with equal BLEU the smaller loss is better";
  const auto model = load_model(root_ / "model");
  const TensorFile average = open_safetensors(root_ / "model" / "checkpoints" / "step-8" / "average.safetensors");
  const TensorFile weights = open_safetensors(root_ / "model" / "checkpoints" / "step-8" / "weights.safetensors");
  for (const Parameter& parameter : model->parameters.all()) {
    const Tensor expected = Tensor::empty(parameter.value.shape(), DType::f32), raw = Tensor::empty(parameter.value.shape(), DType::f32);
    average.read(parameter.name, expected);
    weights.read(parameter.name, raw);
    EXPECT_EQ(parameter.value.to_vector(), expected.to_vector()) << parameter.name;
    EXPECT_NE(parameter.value.to_vector(), raw.to_vector()) << parameter.name;
  }
}

TEST_F(Training, AutoIsTheTypeOfTheInstructionSet) {
  TrainOptions o = options("auto"), same = options("same");
  o.dtype = TrainPrecision::automatic;
  same.dtype = current_isa() >= Isa::avx512_bf16 ? TrainPrecision::bf16 : TrainPrecision::f32;
  train(o);
  train(same);
  EXPECT_EQ(weights_of("auto"), weights_of("same"));
}

TEST_F(Training, AnotherSeedGivesOtherWeights) {
  TrainOptions a = options("a"), b = options("b");
  b.seed = 2;
  train(a);
  train(b);
  EXPECT_NE(weights_of("a"), weights_of("b"));
}

TEST_F(Training, ALossThatIsNoNumberStopsItAndKeepsTheLastCheckpoint) {
  TrainOptions o = options("diverged");
  o.learning_rate = 1;
  o.warmup_steps = 0;
  o.weight_decay = 1e30;  // the first update multiplies the weights by it
  o.clip_norm = 0;
  o.save_every = 1;
  std::string message;
  EXPECT_EQ(code_of(o, message), ErrorCode::diverged);
  EXPECT_THAT(message, testing::ContainsRegex("diverged at step 2: .* is (not a number|infinite)"));
  EXPECT_THAT(message, HasSubstr("checkpoints/step-1 is the last checkpoint"));
  const TensorFile weights = open_safetensors(root_ / "diverged" / "checkpoints" / last_checkpoint("diverged") / "weights.safetensors");
  EXPECT_FALSE(weights.entries().empty());
}

TEST_F(Training, PatienceEndsIt) {
  TrainOptions o = options("model");
  o.learning_rate = 0;  // validations never improve
  o.validate_every = 1;
  o.patience = 3;
  o.max_steps = 100;
  const TrainResult result = train(o);
  EXPECT_EQ(result.end, TrainEnd::patience);
  EXPECT_EQ(result.step, 4);
  EXPECT_EQ(result.best_step, 1);
}

TEST_F(Training, EpochsEndItAfterTheLastBatchOfEach) {
  TrainOptions o = options("model");
  o.max_steps = 0;
  o.max_epochs = 2;
  o.accumulate = 3;
  std::vector<int64_t> epochs;
  TrainCallbacks callbacks;
  callbacks.on_step = [&](const TrainStep& step) { epochs.push_back(step.epoch); };
  const TrainResult result = train(o, callbacks);
  EXPECT_EQ(result.end, TrainEnd::max_epochs);
  EXPECT_EQ(std::count(epochs.begin(), epochs.end(), 1), std::count(epochs.begin(), epochs.end(), 2));
  EXPECT_EQ(epochs.back(), 2);
}

TEST_F(Training, MinutesEndItWithAValidatedModel) {
  TrainOptions o = options("model");
  o.max_steps = 0;
  o.max_minutes = 0.01;
  o.validate_every = 1000000;
  const TrainResult result = train(o);
  EXPECT_EQ(result.end, TrainEnd::max_minutes);
  EXPECT_EQ(result.best_step, result.step);
  EXPECT_TRUE(fs::exists(root_ / "model" / "model.safetensors"));
  o.resume = true;
  EXPECT_TRUE(train(o).was_finished);
}

TEST_F(Training, AGivenTokenizerIsUsedAndCopied) {
  train(options("first"));
  TrainOptions o = options("second");
  o.tokenizer = root_ / "first";
  write_pairs("train", 20);
  train(o);
  EXPECT_EQ(read_file(root_ / "second" / "tokenizer.json"), read_file(root_ / "first" / "tokenizer.json"));
}

}  // namespace
}  // namespace qkv
