// Tests that train a translation model with a few thousand weights.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "base/files.h"
#include "base/parallel.h"
#include "base/temporary_directory.h"
#include "qkv/trainer.h"

namespace qkv {

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

  // Trains and returns the code of the error, one line, that ends it.
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

}  // namespace qkv
