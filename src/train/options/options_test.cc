#include "train/options/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <functional>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"
#include "train/options/option_table.h"
#include "train/options/presets.h"

namespace qkv {
namespace {

using testing::HasSubstr;

OptionSetting given(const std::string& name, const std::string& text) { return {name, text, "--" + name}; }

std::string error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  return "no error";
}

class ConfigFile : public testing::Test {
 protected:
  std::string write(const std::string& text) {
    write_file_atomically(path_, text);
    return path_.string();
  }
  std::string error(const std::string& text) {
    const std::string name = write(text);
    return error_of([&] { resolve_train_options(std::vector{given("config", name)}); });
  }
  TemporaryDirectory directory_;
  std::filesystem::path path_ = directory_ / "options.toml";
};

TEST_F(ConfigFile, CommandLineOverFileOverPreset) {
  const std::string name = write("preset = \"tiny\"\nlr = 0.25\nwarmup_steps = 7\nffn-dim = 99\n");
  const TrainOptions options = resolve_train_options(std::vector{given("ffn-dim", "77"), given("config", name), given("dropout", "0.5")});
  EXPECT_EQ(options.preset, "tiny");
  EXPECT_EQ(options.hidden_size, 128);     // preset
  EXPECT_EQ(options.learning_rate, 0.25);  // file
  EXPECT_EQ(options.warmup_steps, 7);      // file, with underscores
  EXPECT_EQ(options.ffn_dim, 77);          // command line
  EXPECT_EQ(options.dropout, 0.5);
}

TEST_F(ConfigFile, PresetOfTheCommandLineWinsAndTheFileStaysOnTop) {
  const std::string name = write("preset = \"tiny\"\nhidden-size = 64\n");
  const TrainOptions options = resolve_train_options(std::vector{given("config", name), given("preset", "base")});
  EXPECT_EQ(options.preset, "base");
  EXPECT_EQ(options.encoder_layers, 6);
  EXPECT_EQ(options.hidden_size, 64);
}

TEST_F(ConfigFile, EveryKindOfValueIsRead) {
  const std::string name = write(
      "source = \"a b.en\"\nlr = 1e-3\nbetas = [0.8, 0.9]\nresume = true\ntensorboard = false\nseed = 12\nschedule = \"cosine\"\n"
      "norm-position = \"pre\"\nmax-minutes = 20\n");
  const TrainOptions options = resolve_train_options(std::vector{given("config", name)});
  EXPECT_EQ(options.source, TextFiles("a b.en"));
  EXPECT_EQ(options.learning_rate, 1e-3);
  EXPECT_EQ(options.beta1, 0.8);
  EXPECT_EQ(options.beta2, 0.9);
  EXPECT_TRUE(options.resume);
  EXPECT_FALSE(options.tensorboard);
  EXPECT_EQ(options.seed, 12);
  EXPECT_EQ(options.schedule, LearningRateSchedule::cosine);
  EXPECT_EQ(options.norm_position, NormPlacement::pre);
  EXPECT_EQ(options.max_minutes, 20);
}

TEST_F(ConfigFile, UnknownKeyNamesFileLineAndTheNearestKey) {
  const std::string message = error("lr = 1e-3\nbatch-tokns = 4\n");
  EXPECT_THAT(message, HasSubstr(path_.string() + ":2"));
  EXPECT_THAT(message, HasSubstr("batch-tokns"));
  EXPECT_THAT(message, HasSubstr("did you mean batch-tokens?"));
  EXPECT_THAT(error("config = \"other.toml\"\n"), HasSubstr("unknown key \"config\""));
  EXPECT_THAT(error("[model]\nlr = 1\n"), HasSubstr("unknown key \"model\""));
}

TEST_F(ConfigFile, WrongValuesNameFileLineAndKey) {
  EXPECT_THAT(error("\nlr = \"fast\"\n"), HasSubstr(path_.string() + ":2: lr: \"fast\" is not a number"));
  EXPECT_THAT(error("seed = 1.5\n"), HasSubstr("\"1.5\" is not a whole number"));
  EXPECT_THAT(error("dropout = 1.0\n"), HasSubstr("must be less than 1"));
  EXPECT_THAT(error("lr = { a = 1 }\n"), HasSubstr("must be a string, a number, true or false"));
  EXPECT_THAT(error("betas = [\"a\"]\n"), HasSubstr("numbers only"));
  EXPECT_THAT(error("lr = \n"), HasSubstr("not TOML"));
  EXPECT_THAT(error("lr = 1\nlr = 2\n"), HasSubstr("not TOML"));
  EXPECT_THAT(error("preset = \"huge\"\n"), HasSubstr("tiny, small, base, char-gpt, bert-mini, classifier, tagger, chooser and chat"));
}

TEST_F(ConfigFile, RecipeShortenedOnTheCommandLineGetsAShorterWarmUp) {
  const std::string name = write("preset = \"char-gpt\"\nwarmup-steps = 200\nmax-steps = 4500\n");
  const auto warmup = [&](std::vector<OptionSetting> more) {
    more.push_back(given("config", name));
    return resolve_train_options(more).warmup_steps;
  };
  EXPECT_EQ(warmup({}), 200);
  EXPECT_EQ(warmup({given("max-steps", "1000")}), 200);
  EXPECT_EQ(warmup({given("max-steps", "100")}), 10);
  EXPECT_EQ(warmup({given("max-steps", "1")}), 0);
  EXPECT_EQ(warmup({given("max-steps", "300"), given("schedule-steps", "50")}), 5);
  EXPECT_EQ(warmup({given("max-steps", "100"), given("warmup-steps", "150")}), 150) << "refused when it is checked";
  const TrainOptions preset = resolve_train_options(std::vector{given("preset", "char-gpt"), given("max-steps", "10")});
  EXPECT_EQ(preset.warmup_steps, 1);
}

TEST_F(ConfigFile, AMissingFileIsNamed) {
  try {
    resolve_train_options(std::vector{given("config", path_.string())});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(path_.string()));
  }
}

TEST(Options, WrongValuesNameTheOption) {
  const auto error = [](const char* name, const char* text) {
    return error_of([&] { resolve_train_options(std::vector{given(name, text)}); });
  };
  EXPECT_THAT(error("batch-tokens", "0"), HasSubstr("--batch-tokens: 0 is too small; it must be at least 1"));
  EXPECT_THAT(error("batch-tokens", "12x"), HasSubstr("--batch-tokens: \"12x\" is not a whole number"));
  EXPECT_THAT(error("batch-tokens", "99999999999999999999"), HasSubstr("--batch-tokens"));
  EXPECT_THAT(error("lr", "nan"), HasSubstr("--lr"));
  EXPECT_THAT(error("lr", "inf"), HasSubstr("--lr"));
  EXPECT_THAT(error("lr", ""), HasSubstr("--lr: \"\" is not a number"));
  EXPECT_THAT(error("lr", "nan"), HasSubstr("--lr: \"nan\" is not a number"));
  EXPECT_THAT(error("lr", "1e400"), HasSubstr("--lr: 1e400 is out of the range of numbers"));
  EXPECT_THAT(error("max-minutes", "inf"), HasSubstr("--max-minutes: \"inf\" is not a finite number"));
  EXPECT_THAT(error("max-steps", "18446744073709551616"),
              HasSubstr("18446744073709551616 is too large; it must be at most 9223372036854775807"));
  EXPECT_THAT(error("dtype", "f16"), HasSubstr("--dtype: \"f16\" is none of auto|f32|bf16"));
  EXPECT_THAT(error("betas", "0.9"), HasSubstr("--betas"));
  EXPECT_THAT(error("output", ""), HasSubstr("--output"));
}

TEST(Options, ThatNothingWouldUseAreRefused) {
  const auto error = [](std::vector<OptionSetting> settings) { return error_of([&] { resolve_train_options(settings); }); };
  EXPECT_THAT(error({given("task", "lm"), given("vocabulary", "byte"), given("tokenizer", "dir")}),
              HasSubstr("--vocabulary: --tokenizer says"));
  EXPECT_THAT(error({given("task", "lm"), given("vocabulary", "char"), given("tokenizer", "dir")}),
              HasSubstr("--vocabulary: --tokenizer says"));
  EXPECT_THAT(error({given("vocabulary", "byte")}), HasSubstr("--vocabulary: it belongs to --task lm; this is --task translation"));
  EXPECT_THAT(error({given("context", "12")}), HasSubstr("--context: it belongs to --task lm and mlm"));
  EXPECT_THAT(error({given("task", "mlm"), given("decoder-layers", "2")}), HasSubstr("--decoder-layers: it belongs to"));
  EXPECT_THAT(error({given("task", "lm"), given("encoder-layers", "2")}), HasSubstr("--encoder-layers: it belongs to"));
  EXPECT_THAT(error({given("task", "lm"), given("mask-probability", "0.2")}), HasSubstr("--mask-probability: it belongs to --task mlm"));
  EXPECT_THAT(error({given("task", "lm"), given("valid-text", "x"), given("valid-fraction", "0.2")}),
              HasSubstr("--valid-fraction: --valid-text"));
  EXPECT_THAT(error({given("schedule", "constant"), given("schedule-steps", "9")}), HasSubstr("--schedule-steps: only --schedule cosine"));
  EXPECT_THAT(error({given("schedule", "constant"), given("min-lr", "1e-5")}), HasSubstr("--min-lr: --schedule constant does not fall"));
  TrainOptions options;
  apply_preset(options, "char-gpt");
  options.text = "text";
  options.output = "out";
  options.tokenizer = "dir";
  options.vocabulary = TextVocabulary::byte;
  EXPECT_THAT(error_of([&] { check_train_options(options); }), HasSubstr("vocabulary is that of a tokenizer to train"));
}

TEST(Options, ShortFormsForTwoOptionsGiveWayToEachOfThemInAnyOrder) {
  const TrainOptions options = resolve_train_options(
      std::vector{given("decoder-layers", "2"), given("layers", "5"), given("beta2", "0.5"), given("betas", "0.1,0.2")});
  EXPECT_EQ(options.encoder_layers, 5);
  EXPECT_EQ(options.decoder_layers, 2);
  EXPECT_EQ(options.beta1, 0.1);
  EXPECT_EQ(options.beta2, 0.5);
}

TEST(Options, PresetsHaveTheDocumentedShapes) {
  const auto shape = [](const char* name) {
    TrainOptions o;
    apply_preset(o, name);
    return std::vector<int64_t>{o.encoder_layers, o.decoder_layers, o.hidden_size, o.num_attention_heads, o.ffn_dim};
  };
  EXPECT_THAT(shape("tiny"), testing::ElementsAre(4, 4, 128, 4, 256));
  EXPECT_THAT(shape("small"), testing::ElementsAre(3, 3, 256, 8, 1024));
  EXPECT_THAT(shape("base"), testing::ElementsAre(6, 6, 512, 8, 2048));
  EXPECT_THAT(shape("char-gpt"), testing::ElementsAre(6, 6, 384, 6, 1536));
}

TEST(Options, ATaskBeginsFromItsPresetAndAPresetSetsItsTask) {
  const TrainOptions lm = resolve_train_options(std::vector{given("task", "lm")});
  EXPECT_EQ(lm.preset, "char-gpt");
  EXPECT_EQ(lm.batch_tokens / lm.context, 64);
  EXPECT_EQ(resolve_train_options(std::vector{given("preset", "char-gpt")}).task, TrainTask::lm);
  EXPECT_EQ(resolve_train_options(std::vector{given("task", "translation")}).preset, "small");
  EXPECT_THAT(error_of([] {
                resolve_train_options(std::vector{given("task", "lm"), given("preset", "base")});
              }),
              HasSubstr("preset base is not for task lm"));
  // A second preset replaces all settings of the first.
  TrainOptions options;
  apply_preset(options, "char-gpt");
  apply_preset(options, "small");
  for (const TrainOption& option : train_option_table()) EXPECT_EQ(option.get(options), option.get(TrainOptions{})) << option.name;
}

TEST(Options, SeparatorsOfDocumentsAreWrittenWithEscapes) {
  const auto separator = [](const char* text) { return resolve_train_options(std::vector{given("document-separator", text)}); };
  EXPECT_EQ(separator("a\\n\\t\\\\n").document_separator, "a\n\t\\n");
  EXPECT_EQ(find_train_option("document-separator")->get(separator("a\\n\\t\\\\n")), "a\\n\\t\\\\n");
  EXPECT_THAT(error_of([&] { separator("\\x"); }), HasSubstr("--document-separator"));
  EXPECT_THAT(error_of([&] { separator("\\"); }), HasSubstr("--document-separator"));
}

TEST(Options, TheRecipeOfTheReadmeIsValid) {
  const std::string file = std::string(QKV_SOURCE_DIR) + "/examples/multi30k.toml";
  std::vector<OptionSetting> given_options{given("config", file)};
  for (const char* name : {"source", "target", "valid-source", "valid-target", "output"}) given_options.push_back(given(name, "x"));
  const TrainOptions options = resolve_train_options(given_options);
  EXPECT_NO_THROW(check_train_options(options));
  EXPECT_EQ(options.decoder_layers, 2);
  EXPECT_EQ(options.max_steps, 7500);
}

TEST(Options, DefaultsAreThoseOfPresetSmall) {
  TrainOptions small;
  apply_preset(small, "small");
  for (const TrainOption& option : train_option_table()) EXPECT_EQ(option.get(small), option.get(TrainOptions{})) << option.name;
}

// set() must accept the text that get() returns, since checkpoints compare options by these texts.
TEST(Options, EveryOptionReadsWhatItWrites) {
  std::set<std::string> names;
  for (const TrainOption& option : train_option_table()) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name << " stands in the table twice";
    EXPECT_FALSE(option.help.empty() || option.group.empty()) << option.name;
    const std::string text = option.get(TrainOptions{});
    if (text.empty() || option.name == "layers") continue;
    TrainOptions options;
    option.set(options, text, "--" + option.name);
    EXPECT_EQ(option.get(options), text) << option.name;
  }
}

TEST(Options, MissingAndContradictingOnesAreNamed) {
  TrainOptions options;
  options.source = options.target = options.valid_source = options.valid_target = options.output = "x";
  options.max_steps = 10;
  EXPECT_NO_THROW(check_train_options(options));
  const auto error = [&](const std::function<void(TrainOptions&)>& change) {
    TrainOptions changed = options;
    change(changed);
    return error_of([&] { check_train_options(changed); });
  };
  EXPECT_THAT(error([](auto& o) { o.valid_target.clear(); }), HasSubstr("valid_target is missing"));
  EXPECT_THAT(error([](auto& o) { o.source.clear(), o.target.clear(), o.output.clear(); }),
              HasSubstr("source, target, output are missing; task translation needs them"));
  EXPECT_THAT(error([](auto& o) { o.resume = o.overwrite = true; }), HasSubstr("resume and overwrite"));
  EXPECT_THAT(error([](auto& o) { o.num_attention_heads = 3; }), HasSubstr("num_attention_heads 3 does not divide hidden_size 256"));
  EXPECT_THAT(error([](auto& o) { o.tokenizer = "t", o.vocab_size = 9; }), HasSubstr("vocab_size"));
  EXPECT_THAT(error([](auto& o) { o.max_length = 5000; }), HasSubstr("max_length 5000"));
  EXPECT_THAT(error([](auto& o) { o.min_lr = 1; }), HasSubstr("min_lr"));
  EXPECT_THAT(error([](auto& o) { o.max_steps = o.patience = 0; }), HasSubstr("max_steps"));
  EXPECT_THAT(error([](auto& o) { o.schedule = LearningRateSchedule::cosine, o.max_steps = 0; }), HasSubstr("schedule_steps"));
  EXPECT_THAT(error([](auto& o) { o.schedule = LearningRateSchedule::cosine; }), HasSubstr("warmup_steps 400"));
  EXPECT_THAT(error([](auto& o) { o.text = "t"; }), HasSubstr("text belongs to task lm"));
  EXPECT_THAT(error([](auto& o) { o.valid_source.clear(); }),
              HasSubstr("valid_source is missing; task translation needs it, or valid_split"));
  EXPECT_THAT(error([](auto& o) { o.valid_split = 5; }),
              HasSubstr("valid_split takes texts of the training files to validate on; leave it or valid_source"));
  EXPECT_THAT(error([](auto& o) { o.valid_split = -1; }), HasSubstr("valid_split: -1 is too small"));
  EXPECT_THAT(error([](auto& o) { o.source_column = "en"; }), HasSubstr("source_column and target_column go together"));
  EXPECT_THAT(error([](auto& o) { o.label_column = "en"; }), HasSubstr("label_column belongs to task classification"));
  options.valid_source.clear();
  options.valid_target.clear();
  options.valid_split = 5;
  EXPECT_NO_THROW(check_train_options(options));
}

TEST(Options, ListsOfFilesAccumulateAndAHigherPlaceReplacesThem) {
  const std::vector<OptionSetting> twice{{"source", "a", "--source"}, {"target", "x", "--target"}, {"source", "b", "--source"}};
  EXPECT_EQ(resolve_train_options(twice).source, (TextFiles{"a", "b"}));
  const TemporaryDirectory directory;
  const std::string file = directory.write("recipe.toml", "source = [\"c\", \"d\"]\ntarget = \"y\"\n").string();
  const std::vector<OptionSetting> with_file{{"config", file, "--config"}};
  EXPECT_EQ(resolve_train_options(with_file).source, (TextFiles{"c", "d"}));
  EXPECT_EQ(resolve_train_options(with_file).target, TextFiles("y"));
  std::vector<OptionSetting> both = twice;
  both.push_back(with_file[0]);
  EXPECT_EQ(resolve_train_options(both).source, (TextFiles{"a", "b"}));
  directory.write("recipe.toml", "source = [1]\n");
  EXPECT_THAT(error_of([&] { resolve_train_options(with_file); }), HasSubstr("recipe.toml:1: source: a list must hold strings only"));
  EXPECT_EQ(find_train_option("source")->get(resolve_train_options(twice)), std::string("a\0b", 3));
  directory.write("recipe.toml", "source = [\"a\\nb\", \"-\"]\n");
  EXPECT_EQ(resolve_train_options(with_file).source, (TextFiles{"a\nb", "/dev/stdin"})) << "a line break is part of a name";
  const std::vector<OptionSetting> empty{{"source", "", "--source"}};
  EXPECT_THAT(error_of([&] { resolve_train_options(empty); }), HasSubstr("--source: the name is empty"));
}

TEST(Options, OfALanguageModelThatAreMissingOrContradictoryAreNamed) {
  TrainOptions options;
  apply_preset(options, "char-gpt");
  options.text = options.output = "x";
  EXPECT_NO_THROW(check_train_options(options));
  const auto error = [&](const std::function<void(TrainOptions&)>& change) {
    TrainOptions changed = options;
    change(changed);
    return error_of([&] { check_train_options(changed); });
  };
  EXPECT_THAT(error([](auto& o) { o.text.clear(); }), HasSubstr("text is missing; task lm needs it"));
  EXPECT_THAT(error([](auto& o) { o.valid_source = "v"; }), HasSubstr("valid_source belongs to task translation"));
  EXPECT_THAT(error([](auto& o) { o.vocab_size = 100; }), HasSubstr("vocab_size is for vocabulary bpe; the tokens of char"));
  EXPECT_NO_THROW(error([](auto& o) { o.vocab_size = 100, o.vocabulary = TextVocabulary::bpe; }));
  EXPECT_THAT(error([](auto& o) { o.valid_fraction = 0; }), HasSubstr("valid_fraction 0"));
  EXPECT_THAT(error([](auto& o) { o.valid_split = 3; }),
              HasSubstr("valid_split belongs to task translation, classification, tag, choice and chat"));
  EXPECT_THAT(error([](auto& o) { o.context = 20000; }), HasSubstr("batch_tokens 16384 is less than context 20000"));
}

TEST(Options, OfChoicesThatBelongToLabelsAreRefused) {
  TrainOptions options;
  apply_preset(options, default_preset(TrainTask::choice));
  EXPECT_EQ(options.task, TrainTask::choice);
  options.train_file = options.valid_file = options.output = "x";
  EXPECT_NO_THROW(check_train_options(options));
  options.label_smoothing = 0.1;
  EXPECT_THAT(error_of([&] { check_train_options(options); }), HasSubstr("label_smoothing is for labels"));
}

// A C++ program sets members without parsing, and many of them are divisors.
TEST(Options, RangesHoldForProgramsToo) {
  using O = TrainOptions;
  struct Case {
    const char* field;
    std::function<void(O&)> change;
  };
  const std::vector<Case> cases = {
      {"num_attention_heads: 0 is too small; it must be at least 1", [](O& o) { o.num_attention_heads = 0; }},
      {"num_attention_heads: -8 is too small", [](O& o) { o.num_attention_heads = -8; }},
      {"num_key_value_heads: -1 is too small", [](O& o) { o.num_key_value_heads = -1; }},
      {"save_every: 0 is too small; it must be at least 1", [](O& o) { o.save_every = 0; }},
      {"log_every: 0 is too small; it must be at least 1", [](O& o) { o.log_every = 0; }},
      {"validate_every: 0 is too small; it must be at least 1", [](O& o) { o.validate_every = 0; }},
      {"accumulate: 0 is too small; it must be at least 1", [](O& o) { o.accumulate = 0; }},
      {"keep_checkpoints: 0 is too small", [](O& o) { o.keep_checkpoints = 0; }},
      {"batch_tokens: 0 is too small", [](O& o) { o.batch_tokens = 0; }},
      {"hidden_size: 0 is too small", [](O& o) { o.hidden_size = 0; }},
      {"ffn_dim: 0 is too small", [](O& o) { o.ffn_dim = 0; }},
      {"encoder_layers: 0 is too small", [](O& o) { o.encoder_layers = 0; }},
      {"decoder_layers: -1 is too small", [](O& o) { o.decoder_layers = -1; }},
      {"max_length: 1 is too small", [](O& o) { o.max_length = 1; }},
      {"valid_beam_size: 0 is too small", [](O& o) { o.valid_beam_size = 0; }},
      {"seed: -1 is too small", [](O& o) { o.seed = -1; }},
      {"threads: 5000 is too large; it must be at most 4096", [](O& o) { o.threads = 5000; }},
      {"dropout: 1 is too large; it must be less than 1", [](O& o) { o.dropout = 1; }},
      {"learning_rate: \"nan\" is not a number", [](O& o) { o.learning_rate = std::nan(""); }},
      {"clip_norm: \"inf\" is not a finite number", [](O& o) { o.clip_norm = HUGE_VAL; }},
      {"epsilon: -1 is too small", [](O& o) { o.epsilon = -1; }},
      {"schedule: \"9\" is none of inverse-sqrt|cosine|constant", [](O& o) { o.schedule = static_cast<LearningRateSchedule>(9); }},
  };
  for (const auto& [message, change] : cases) {
    TrainOptions options;
    options.source = options.target = options.valid_source = options.valid_target = options.output = "x";
    options.max_steps = 10;
    change(options);
    EXPECT_THAT(error_of([&] { check_train_options(options); }), HasSubstr(message));
  }
}

}  // namespace
}  // namespace qkv
