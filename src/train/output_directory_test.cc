// The directory that training writes: created, refused, overwritten, opened.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>

#include "base/files.h"
#include "models/model.h"
#include "qkv/tokenizer.h"
#include "train/trainer_fixture.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

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
                                          "tokenizer.json", "tokenizer_config.json", "train_log.jsonl", "training.toml"));
}

TEST_F(Training, EarlyCheckpointInPlaceOfAModelSaysWhatToDo) {
  train(options("model"));
  fs::remove(root_ / "model" / "checkpoints" / last_checkpoint("model") / "config.json");  // earlier versions wrote none
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
