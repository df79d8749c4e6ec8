#include "train/options/config_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "base/error.h"
#include "base/temporary_directory.h"
#include "train/options/option_table.h"
#include "train/options/options.h"

namespace qkv {
namespace {

using testing::HasSubstr;
using testing::Not;

class ConfigText : public testing::Test {
 protected:
  TrainOptions read_back(const TrainOptions& options) {
    const std::filesystem::path path = directory_.write("options.toml", config_text(options));
    return resolve_train_options(std::vector<OptionSetting>{{"config", path.string(), "--config"}});
  }
  // All that is written is read as it was.
  void expect_round_trip(const TrainOptions& options) {
    const TrainOptions again = read_back(options);
    EXPECT_EQ(config_text(again), config_text(options));
    for (const TrainOption& option : train_option_table()) {
      if (config_text(options).find("\n" + option.name + " = ") == std::string::npos) continue;
      EXPECT_EQ(option.get(again), option.get(options)) << option.name;
    }
  }
  TemporaryDirectory directory_;
};

TEST_F(ConfigText, EachPresetIsReadBack) {
  for (const char* preset : {"tiny", "small", "base", "char-gpt", "bert-mini", "classifier"}) {
    TrainOptions options;
    apply_preset(options, preset);
    expect_round_trip(options);
    EXPECT_THAT(config_text(options), HasSubstr(std::string("preset = \"") + preset + "\""));
  }
}

TEST_F(ConfigText, NumbersKeepEveryBit) {
  TrainOptions options;
  options.learning_rate = 0.1 + 0.2;
  options.weight_decay = 1e-300;
  options.max_minutes = 1e300;
  options.seed = INT64_MAX;
  const TrainOptions again = read_back(options);
  EXPECT_EQ(again.learning_rate, options.learning_rate);
  EXPECT_EQ(again.weight_decay, options.weight_decay);
  EXPECT_EQ(again.max_minutes, options.max_minutes);
  EXPECT_EQ(again.seed, INT64_MAX);
}

TEST_F(ConfigText, TextsMayHoldAnyCharacter) {
  TrainOptions options;
  apply_preset(options, "char-gpt");
  options.text = "a \"quoted\" \\ name\twith all ü 語\x7f";
  options.valid_text = {"one", "two"};
  options.document_separator = "\n\\n\t\"";
  const TrainOptions again = read_back(options);
  EXPECT_EQ(again.text, options.text);
  EXPECT_EQ(again.valid_text, options.valid_text);
  EXPECT_EQ(again.document_separator, options.document_separator);
  options.text = "\xff";
  EXPECT_THROW(config_text(options), Error);
}

TEST_F(ConfigText, OptionsThatNothingUsesAreLeftOut) {
  TrainOptions options;
  EXPECT_THAT(config_text(options), Not(HasSubstr("\ncontext = ")));
  EXPECT_THAT(config_text(options), Not(HasSubstr("\nschedule-steps = ")));
  EXPECT_THAT(config_text(options), Not(HasSubstr("\nresume = ")));
  apply_preset(options, "char-gpt");
  options.tokenizer = "dir";
  options.valid_text = "text";
  EXPECT_THAT(config_text(options), HasSubstr("\ncontext = 256\n"));
  EXPECT_THAT(config_text(options), Not(HasSubstr("\nvocabulary = ")));
  EXPECT_THAT(config_text(options), Not(HasSubstr("\nvalid-fraction = ")));
  expect_round_trip(options);
}

// A program may set a task without its preset.
TEST_F(ConfigText, APresetOfAnotherTaskIsLeftOut) {
  TrainOptions options;
  options.task = TrainTask::mlm;
  options.num_attention_heads = 2;
  EXPECT_THAT(config_text(options), Not(HasSubstr("\npreset = ")));
  const TrainOptions again = read_back(options);
  EXPECT_EQ(again.task, TrainTask::mlm);
  EXPECT_EQ(again.num_attention_heads, 2);
  EXPECT_EQ(again.encoder_layers, 3) << "not that of the task's preset";
}

TEST_F(ConfigText, KeptOptionsAreReadFromAnywhere) {
  TrainOptions options;
  options.source = "here/text";
  options.resume = true;
  const TrainOptions kept = kept_options(options);
  EXPECT_EQ(kept.source, TextFiles(std::filesystem::current_path() / "here/text"));
  EXPECT_TRUE(kept.target.empty());
  EXPECT_FALSE(kept.resume);
}

class Resumed : public ConfigText {
 protected:
  void keep(const std::string& text) { directory_.write(kKeptOptions, text); }
  TrainOptions resume(std::vector<OptionSetting> more) {
    more.push_back({"resume", "true", "--resume"});
    more.push_back({"output", directory_.path().string(), "--output"});
    return resolve_train_options(more);
  }
  std::string refusal(const std::vector<OptionSetting>& more) {
    try {
      resume(more);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      return error.what();
    }
    return "";
  }
};

TEST_F(Resumed, WhatIsKeptStandsBelowWhatIsGiven) {
  keep("preset = \"tiny\"\nlr = 0.25\nmax-steps = 7\nencoder-layers = 2\n");
  const TrainOptions options = resume({{"max-steps", "9", "--max-steps"}});
  EXPECT_EQ(options.hidden_size, 128);
  EXPECT_EQ(options.learning_rate, 0.25);
  EXPECT_EQ(options.max_steps, 9);
  EXPECT_EQ(options.encoder_layers, 2);
  EXPECT_EQ(options.output, directory_.path());
  EXPECT_EQ(resume({{"preset", "tiny", "--preset"}}).learning_rate, 0.25);
  EXPECT_EQ(resume({{"layers", "3", "--layers"}}).encoder_layers, 3);  // a short form that is given wins over what is kept
}

TEST_F(Resumed, AnotherRecipeIsRefused) {
  keep("preset = \"tiny\"\ntask = \"translation\"\n");
  EXPECT_THAT(refusal({{"preset", "base", "--preset"}}), HasSubstr("--preset base: this training began with tiny"));
  EXPECT_THAT(refusal({{"task", "lm", "--task"}}), HasSubstr("--task lm: this training began with translation"));
}

TEST_F(Resumed, WithoutKeptOptionsAllMustBeGiven) {
  EXPECT_THAT(refusal({{"max-steps", "9", "--max-steps"}}), HasSubstr("give all options of the training again"));
  EXPECT_EQ(resume({{"preset", "tiny", "--preset"}}).hidden_size, 128);
}

}  // namespace
}  // namespace qkv
