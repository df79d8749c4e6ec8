#include "qkv/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "api/test_directories.h"

namespace qkv {
namespace {

using testing::HasSubstr;

// Every table entry is complete for use in a language binding, and its default is the default of the struct.
template <typename Options>
void expect_whole(std::span<const OptionInfo> table) {
  std::set<std::string> names, fields;
  for (const OptionInfo& option : table) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
    EXPECT_TRUE(fields.insert(option.field).second) << option.field;
    EXPECT_EQ(option.name.find('_'), std::string::npos) << option.name;
    EXPECT_EQ(option.field.find('-'), std::string::npos) << option.field;
    EXPECT_FALSE(option.help.empty()) << option.name;
    EXPECT_EQ(option.value.empty(), option.type == OptionType::flag) << option.name;
    EXPECT_EQ(option_value(Options{}, option.name), option.default_value) << option.name;
    EXPECT_EQ(option_value(Options{}, option.field), option.default_value) << option.name;
    if (option.type == OptionType::integer) {
      EXPECT_LT(option.least, option.most) << option.name;
    }
    if (option.type == OptionType::number) {
      EXPECT_LT(option.low, option.high) << option.name;
    }
    if (option.type == OptionType::choice) {
      EXPECT_THAT(option.choices, testing::Contains(option.default_value)) << option.name;
    }
    if (option.default_value.empty() || option.type == OptionType::composite) continue;
    Options options;
    set_option(options, option.name, option.default_value);
    EXPECT_EQ(option_value(options, option.name), option.default_value) << option.name;
  }
}

TEST(PublicOptions, TablesAreWhole) {
  expect_whole<TrainOptions>(train_options());
  expect_whole<TranslatorOptions>(translator_options());
  expect_whole<GeneratorOptions>(generator_options());
  expect_whole<ScoringOptions>(scoring_options());
  expect_whole<ComparisonOptions>(comparison_options());
  expect_whole<ChooseOptions>(choose_options());
}

TEST(PublicOptions, TextSetsTheMember) {
  TranslatorOptions translator;
  set_option(translator, "beam-size", "7");
  set_option(translator, "length_penalty", "0.5");
  set_option(translator, "dtype", "bf16");
  set_option(translator, "truncate", "true");
  EXPECT_EQ(translator.num_beams, 7);
  EXPECT_EQ(translator.length_penalty, 0.5f);
  EXPECT_EQ(translator.dtype, InferenceType::bf16);
  EXPECT_TRUE(translator.truncate);
  GeneratorOptions generator;
  set_option(generator, "top-p", "1");
  set_option(generator, "sample", "4294967295");
  EXPECT_EQ(generator.top_p, 1.0);
  EXPECT_EQ(generator.sample, 4294967295);
  TrainOptions train;
  set_option(train, "lr", "0.01");
  set_option(train, "task", "mlm");
  EXPECT_EQ(train.learning_rate, 0.01);
  EXPECT_EQ(train.task, TrainTask::mlm);
}

TEST(PublicOptions, WrongTextsNameTheMember) {
  const auto error = [](const char* name, const char* text) {
    return error_of(
        [&] {
          TranslatorOptions options;
          set_option(options, name, text);
        },
        ErrorCode::invalid_argument);
  };
  EXPECT_EQ(error("beam-size", "0"), "num_beams: 0 is too small; it must be at least 1");
  EXPECT_EQ(error("num_beams", "1001"), "num_beams: 1001 is too large; it must be at most 1000");
  EXPECT_EQ(error("length-penalty", "inf"), "length_penalty: \"inf\" is not a finite number");
  EXPECT_THAT(error("length-penalty", "1e39"), HasSubstr("length_penalty: 1e39 is too large"));
  EXPECT_EQ(error("dtype", "f16"), "dtype: \"f16\" is none of f32|bf16|file; did you mean bf16?");
  EXPECT_EQ(error("beams", "3"), "there is no option \"beams\"");
}

TEST(PublicOptions, ATrainingsOptionsAreWrittenAndRead) {
  const TemporaryDirectory directory;
  TrainOptions options;
  apply_preset(options, "classifier");
  options.learning_rate = 0.125;
  options.train_file = "reviews.tsv";
  const TrainOptions again = read_config(directory.write("recipe.toml", config_text(options)));
  EXPECT_EQ(again.task, TrainTask::classification);
  EXPECT_EQ(again.preset, "classifier");
  EXPECT_EQ(again.learning_rate, 0.125);
  EXPECT_EQ(again.train_file, TextFiles("reviews.tsv"));
  EXPECT_EQ(config_text(again), config_text(options));
  EXPECT_THAT(error_of([&] { read_config(directory.write("wrong.toml", "beams = 3\n")); }, ErrorCode::invalid_argument),
              HasSubstr("beams"));
}

TEST(PublicOptions, RangesHoldForMembersThatAProgramSets) {
  const TemporaryDirectory directory;
  write_translator(directory / "translator");
  write_generator(directory / "generator");
  const auto translator = [&](const TranslatorOptions& options) {
    return error_of([&] { Translator::open(directory / "translator", options); }, ErrorCode::invalid_argument);
  };
  EXPECT_THAT(translator({.num_beams = 0}), HasSubstr("num_beams 0 is too small"));
  EXPECT_THAT(translator({.num_beams = 100000}), HasSubstr("num_beams: 100000 is too large; it must be at most 1000"));
  EXPECT_THAT(translator({.length_penalty = std::numeric_limits<float>::quiet_NaN()}), HasSubstr("length_penalty nan"));
  EXPECT_THAT(translator({.min_length = -1}), HasSubstr("min_length -1"));
  EXPECT_THAT(translator({.n_best = 0}), HasSubstr("n_best 0"));
  EXPECT_THAT(translator({.dtype = static_cast<InferenceType>(7)}), HasSubstr("dtype: \"7\" is none of f32|bf16|file"));
  EXPECT_THAT(translator({.batch_tokens = 0}), HasSubstr("batch_tokens 0"));
  const Generator open = Generator::open(directory / "generator");
  const auto generator = [&](const GeneratorOptions& options) {
    return error_of([&] { open.generate("a", options); }, ErrorCode::invalid_argument);
  };
  EXPECT_THAT(generator({.top_k = -1}), HasSubstr("top_k -1"));
  EXPECT_THAT(generator({.top_p = 1.5}), HasSubstr("top_p 1.5"));
  EXPECT_EQ(generator({.seed = -1}), "seed: -1 is too small; it must be at least 0");
  EXPECT_EQ(generator({.sample = int64_t{1} << 32}), "sample: 4294967296 is too large; it must be at most 4294967295");
}

}  // namespace
}  // namespace qkv
