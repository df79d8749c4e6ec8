// Complete trainings of a model with a few thousand weights.
#include "qkv/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/parallel.h"
#include "base/temporary_directory.h"
#include "io/safetensors.h"
#include "kernels/kernel_table.h"
#include "models/model.h"
#include "qkv/tokenizer.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Training : public testing::Test {
 protected:
  void SetUp() override {
    write_pairs("train", 60);
    write_pairs("valid", 4);
    threads_ = num_threads();
  }
  void TearDown() override { set_num_threads(threads_); }

  // Writes rows of words and their word-by-word translation.
  void write_pairs(const std::string& name, int lines) const {
    const char* words[2][4] = {{"one", "two", "three", "four"}, {"eins", "zwei", "drei", "vier"}};
    for (const int side : {0, 1}) {
      std::string text;
      for (int i = 0; i < lines; ++i) {
        for (int j = 0; j <= i % 5; ++j) text += fmt::format("{}{}", j ? " " : "", words[side][(i * 7 + j * j + i / 5) % 4]);
        text += '\n';
      }
      write_file_atomically(root_ / (name + (side ? ".de" : ".en")), text);
    }
  }

  TrainOptions options(const std::string& output) const {
    TrainOptions o;
    o.source = root_ / "train.en";
    o.target = root_ / "train.de";
    o.valid_source = root_ / "valid.en";
    o.valid_target = root_ / "valid.de";
    o.output = root_ / output;
    o.encoder_layers = o.decoder_layers = 1;
    o.hidden_size = 16;
    o.num_attention_heads = 2;
    o.ffn_dim = 24;
    o.dtype = TrainPrecision::f32;
    o.max_length = 32;
    o.batch_tokens = 96;
    o.warmup_steps = 4;
    o.max_steps = 8;
    o.validate_every = 4;
    o.save_every = 2;
    o.log_every = 2;
    return o;
  }

  static ErrorCode code_of(const TrainOptions& options, std::string& message) {
    try {
      train(options);
    } catch (const Error& error) {
      message = error.what();
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
      return error.code();
    }
    ADD_FAILURE() << "no error";
    return ErrorCode::internal;
  }

  std::string last_checkpoint(const std::string& output) const {
    std::string name = read_file(root_ / output / "checkpoints" / "latest");
    name.pop_back();
    return name;
  }
  std::string weights_of(const std::string& output) const {
    return read_file(root_ / output / "checkpoints" / last_checkpoint(output) / "weights.safetensors");
  }

  TemporaryDirectory root_;
  int threads_ = 1;
};

TEST_F(Training, LeavesADirectoryThatOpens) {
  const TrainResult result = train(options("model"));
  EXPECT_EQ(result.step, 8);
  EXPECT_EQ(result.end, TrainEnd::max_steps);
  const auto model = load_model(root_ / "model");
  const Tokenizer tokenizer = Tokenizer::load(root_ / "model");
  EXPECT_EQ(model->config.vocab_size, tokenizer.vocab_size());
  EXPECT_EQ(model->config.eos_token_ids, std::vector{tokenizer.token_to_id("</s>")});
  EXPECT_EQ(model->config.decoder_start_token_id, tokenizer.token_to_id("<pad>"));
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(root_ / "model")) names.insert(entry.path().filename().string());
  EXPECT_THAT(names, testing::ElementsAre("checkpoints", "config.json", "generation_config.json", "model.safetensors", "tensorboard",
                                          "tokenizer.json", "tokenizer_config.json", "train_log.jsonl"));
}

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

TEST_F(Training, CheckpointInPlaceOfAModelSaysWhatToDo) {
  train(options("model"));
  const auto message = [&](const fs::path& directory) -> std::string {
    try {
      load_model(directory);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(message(root_ / "model" / "checkpoints" / last_checkpoint("model")),
              testing::AllOf(HasSubstr("it is a checkpoint"), HasSubstr("the model is in " + (root_ / "model").string())));
  fs::remove(root_ / "model" / "config.json");
  EXPECT_THAT(message(root_ / "model"), testing::AllOf(HasSubstr("checkpoints of a training"), HasSubstr("qkv train --resume")));
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
  const SafetensorsReader average(root_ / "model" / "checkpoints" / "step-8" / "average.safetensors");
  const SafetensorsReader weights(root_ / "model" / "checkpoints" / "step-8" / "weights.safetensors");
  for (const Parameter& parameter : model->parameters.all()) {
    const Tensor expected = Tensor::empty(parameter.value.shape(), DType::f32), raw = Tensor::empty(parameter.value.shape(), DType::f32);
    average.read(parameter.name, expected);
    weights.read(parameter.name, raw);
    EXPECT_EQ(parameter.value.to_vector(), expected.to_vector()) << parameter.name;
    EXPECT_NE(parameter.value.to_vector(), raw.to_vector()) << parameter.name;
  }
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
  other.dropout = 0.25;
  std::string message;
  EXPECT_EQ(code_of(other, message), ErrorCode::invalid_argument);
  EXPECT_THAT(message, HasSubstr("dropout is 0.25, but this training began with 0.3"));
  write_pairs("train", 61);
  EXPECT_EQ(code_of(o, message), ErrorCode::invalid_argument);
  EXPECT_THAT(message, HasSubstr("the training text is not the one"));
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
  const SafetensorsReader weights(root_ / "diverged" / "checkpoints" / last_checkpoint("diverged") / "weights.safetensors");
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

TEST_F(Training, AnExistingDirectoryIsNotTouchedUnasked) {
  fs::create_directories(root_ / "model");
  write_file_atomically(root_ / "model" / "notes.txt", "mine");
  TrainOptions o = options("model");
  std::string message;
  EXPECT_EQ(code_of(o, message), ErrorCode::invalid_argument);
  EXPECT_THAT(message, HasSubstr("resume"));
  write_file_atomically(root_ / "model" / "model.safetensors", "somebody's");
  o.resume = true;
  EXPECT_EQ(code_of(o, message), ErrorCode::invalid_argument);
  EXPECT_THAT(message, HasSubstr("holds a model but no training"));
  o.resume = false;
  o.overwrite = true;
  train(o);
  EXPECT_EQ(read_file(root_ / "model" / "notes.txt"), "mine");
  EXPECT_NO_THROW(load_model(root_ / "model"));
}

TEST_F(Training, EmptyDirectoryIsFilledUnasked) {
  fs::create_directories(root_ / "model" / "lost+found");  // exists on a freshly mounted file system
  train(options("model"));
  EXPECT_NO_THROW(load_model(root_ / "model"));
}

TEST_F(Training, EmptyDirectoryStaysEmptyWhereTheInputIsBad) {
  fs::create_directories(root_ / "model");
  write_file_atomically(root_ / "train.de", "eins\n\xff\n");
  write_file_atomically(root_ / "train.en", "one\ntwo\n");
  std::string message;
  EXPECT_EQ(code_of(options("model"), message), ErrorCode::bad_input);
  EXPECT_TRUE(fs::is_empty(root_ / "model"));
}

TEST_F(Training, PlaceThatCannotBeWrittenToIsToldBeforeAnyWork) {
  write_file_atomically(root_ / "file", "");
  TrainOptions o = options("file/deep/model");
  std::vector<std::string> messages;
  TrainCallbacks callbacks;
  callbacks.on_message = [&](const std::string& message) { messages.push_back(message); };
  const auto error = [&] {
    try {
      train(o, callbacks);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::io);
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(error(), HasSubstr("file is a file, not a directory"));
  if (geteuid() != 0) {  // root can write everywhere
    fs::create_directory(root_ / "closed");
    fs::permissions(root_ / "closed", fs::perms::owner_read | fs::perms::owner_exec);
    o.output = root_ / "closed" / "model";
    EXPECT_THAT(error(), testing::AllOf(HasSubstr("cannot write to"), HasSubstr("closed: Permission denied")));
  }
  EXPECT_TRUE(messages.empty()) << messages.front();
}

TEST_F(Training, OverwriteWithBadInputKeepsTheOldModel) {
  train(options("model"));
  const std::string before = read_file(root_ / "model" / "model.safetensors");
  write_file_atomically(root_ / "train.de", "eins\n\xff\n");
  write_file_atomically(root_ / "train.en", "one\ntwo\n");
  TrainOptions o = options("model");
  o.overwrite = true;
  std::string message;
  EXPECT_EQ(code_of(o, message), ErrorCode::bad_input);
  EXPECT_EQ(read_file(root_ / "model" / "model.safetensors"), before);
  EXPECT_TRUE(fs::exists(root_ / "model" / "checkpoints" / "latest"));
}

TEST_F(Training, AGivenTokenizerIsUsedAndCopied) {
  train(options("first"));
  TrainOptions o = options("second");
  o.tokenizer = root_ / "first";
  write_pairs("train", 20);
  train(o);
  EXPECT_EQ(read_file(root_ / "second" / "tokenizer.json"), read_file(root_ / "first" / "tokenizer.json"));
}

TEST_F(Training, OneTrainingADirectory) {
  TrainCallbacks callbacks;
  std::string message;
  callbacks.on_step = [&](const TrainStep& step) {
    TrainOptions o = options("model");
    o.resume = true;
    if (step.step == 1) {
      EXPECT_EQ(code_of(o, message), ErrorCode::io);
    }
  };
  train(options("model"), callbacks);
  EXPECT_THAT(message, HasSubstr("another training writes there"));
}

}  // namespace
}  // namespace qkv
