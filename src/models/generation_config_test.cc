#include "models/generation_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"
#include "formats/json.h"
#include "models/generation_keys.h"
#include "nn/uniform_config.h"

namespace qkv {
namespace {

using Json = nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class GenerationConfig : public testing::Test {
 protected:
  GenerationConfig() {
    translates_.vocab_size = continues_.vocab_size = 64;
    translates_.pad_token_id = translates_.decoder_start_token_id = 3;
    translates_.eos_token_ids = continues_.eos_token_ids = {1};
    continues_.kind = Kind::decoder_only;
  }
  ConfigReader reader(const Json& json, const char* name = "generation_config.json") const {
    std::ofstream(directory_ / name) << json;
    return ConfigReader(directory_ / name);
  }
  GenerationDefaults read(const Json& json, const TransformerConfig& config) const { return read_generation(reader(json), config, true); }
  std::string message(const Json& json) const {
    try {
      read(json, translates_);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
  std::string warning(const GenerationDefaults& generation, bool samples) const {
    testing::internal::CaptureStderr();
    warn_of_unused_keys(generation, "qkv test", samples);
    return testing::internal::GetCapturedStderr();
  }

  TemporaryDirectory directory_;
  TransformerConfig translates_, continues_;
};

// Values that differ from transformers' defaults, of each key's type.
Json sample_of(const std::string& key) {
  const Json samples = {
      {"max_length", 30},
      {"max_new_tokens", 7},
      {"min_length", 3},
      {"min_new_tokens", 2},
      {"early_stopping", true},
      {"do_sample", true},
      {"num_beams", 3},
      {"temperature", 0.5},
      {"top_k", 5},
      {"top_p", 0.5},
      {"min_p", 0.5},
      {"typical_p", 0.5},
      {"epsilon_cutoff", 0.5},
      {"eta_cutoff", 0.5},
      {"length_penalty", 0.5},
      {"bad_words_ids", {{5}}},
      {"renormalize_logits", true},
      {"forced_eos_token_id", 1},
      {"exponential_decay_length_penalty", {3, 1.5}},
      {"suppress_tokens", {5}},
      {"begin_suppress_tokens", {5}},
      {"cache_implementation", "quantized"},
      {"token_healing", true},
  };
  return samples.contains(key) ? samples[key] : Json(7);
}

bool is_token_id(std::string_view key) {
  return key == "pad_token_id" || key == "bos_token_id" || key == "eos_token_id" || key == "decoder_start_token_id";
}

// Every key of transformers' GenerationConfig is used, harmless, or named in a warning.
TEST_F(GenerationConfig, EveryKeyOfTransformersIsUsedHarmlessOrWarnedOf) {
  const Json keys = Json::parse(read_file(std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/generation/keys.json"));
  EXPECT_GT(keys.size(), 60u);
  for (const TransformerConfig* config : {&translates_, &continues_}) {
    const GenerationDefaults plain = read(Json::object(), *config);
    for (const auto& [name, default_value] : keys.items()) {
      SCOPED_TRACE(name + (config->has_encoder() ? ", translating" : ", continuing"));
      const auto known =
          std::find_if(generation_keys().begin(), generation_keys().end(), [&](const auto& key) { return key.name == name; });
      ASSERT_NE(known, generation_keys().end()) << "classify it in generation_keys.cc";
      GenerationDefaults found = read({{name, sample_of(name)}}, *config);
      EXPECT_EQ(read({{name, default_value}}, *config).unused, plain.unused) << "transformers' default asks for nothing";
      EXPECT_EQ(read({{name, nullptr}}, *config), plain);
      switch (config->has_encoder() ? known->translate : known->generate) {
        case KeyUse::used:
          EXPECT_THAT(found.unused, IsEmpty());
          EXPECT_TRUE(is_token_id(name) || found != plain) << "it is said to be used, but changes nothing";
          break;
        case KeyUse::harmless: EXPECT_THAT(found.unused, IsEmpty()); break;
        case KeyUse::unused:
          EXPECT_THAT(warning(found, true), HasSubstr("qkv test does not use \"" + name + "\""));
          EXPECT_EQ(warning(found, false).empty(), known->sampling_only);
          EXPECT_EQ(generation_json(found, *config)[name], sample_of(name)) << "it is lost when the model is saved";
      }
    }
  }
}

TEST_F(GenerationConfig, UnknownKeysAreNamedInGenerationConfigAlone) {
  EXPECT_THAT(warning(read({{"max_new_token", 3}}, translates_), false),
              HasSubstr("generation_config.json: qkv test does not use \"max_new_token\""));
  const ConfigReader config = reader({{"model_type", "marian"}, {"num_beams", 2}, {"encoder_repetition_penalty", 1.2}}, "config.json");
  EXPECT_THAT(warning(read_generation(config, translates_, false), false), HasSubstr("does not use \"encoder_repetition_penalty\";"));
}

TEST_F(GenerationConfig, BadWordsAndSuppressedTokensAreTwoLists) {
  const GenerationDefaults found = read({{"bad_words_ids", {{9}, {4, 5}, {2}, {9}}}, {"suppress_tokens", {8, 7}}}, translates_);
  EXPECT_THAT(found.bad_words, ElementsAre(2, 9));
  EXPECT_THAT(found.suppress_tokens, ElementsAre(7, 8));
  EXPECT_THAT(warning(found, false), HasSubstr("\"bad_words_ids\" of several tokens"));
  EXPECT_EQ(generation_json(found, translates_)["bad_words_ids"], Json({{2}, {9}, {4, 5}}));
}

// The file of Meta's Llama 2 chat.
TEST_F(GenerationConfig, SamplingOfALanguageModelIsUsedWithoutAWord) {
  const GenerationDefaults found = read({{"bos_token_id", 1},
                                         {"do_sample", true},
                                         {"eos_token_id", 2},
                                         {"max_length", 4096},
                                         {"temperature", 0.6},
                                         {"top_p", 0.9},
                                         {"transformers_version", "4.32.0"}},
                                        continues_);
  EXPECT_EQ(warning(found, true), "");
  EXPECT_EQ(found.do_sample, true);
  EXPECT_EQ(found.temperature, 0.6f);
  EXPECT_EQ(found.top_p, 0.9f);
  EXPECT_EQ(found.max_length, 4096);
  EXPECT_THAT(warning(read({{"do_sample", true}, {"temperature", 0.6}}, translates_), false), HasSubstr("does not use \"do_sample\";"));
}

TEST_F(GenerationConfig, WrongValuesAreNamed) {
  EXPECT_THAT(message({{"exponential_decay_length_penalty", 3}}),
              HasSubstr("\"exponential_decay_length_penalty\" is 3; a number of tokens and"));
  EXPECT_THAT(message({{"exponential_decay_length_penalty", {3, 0}}}), HasSubstr("is [3,0]"));
  EXPECT_THAT(message({{"max_new_tokens", 0}}), HasSubstr("\"max_new_tokens\" is 0; it must be 1 to"));
  EXPECT_THAT(message({{"suppress_tokens", {64}}}), HasSubstr("\"suppress_tokens\" is 64; it must be 0 to 63"));
  EXPECT_THAT(message({{"begin_suppress_tokens", "x"}}), HasSubstr("\"begin_suppress_tokens\" is \"x\""));
  EXPECT_THAT(message({{"temperature", -1}}), HasSubstr("\"temperature\" is -1; it must be 0 or more"));
  EXPECT_THAT(message({{"top_p", 1.5}}), HasSubstr("\"top_p\" is 1.5; it must be 0 to 1"));
  EXPECT_THAT(message({{"typical_p", 0}}), HasSubstr("\"typical_p\" is 0; it must be more than 0 and at most 1"));
  EXPECT_THAT(message({{"repetition_penalty", -1}}), HasSubstr("\"repetition_penalty\" is -1; it must be more than 0"));
  EXPECT_THAT(message({{"no_repeat_ngram_size", -1}}), HasSubstr("\"no_repeat_ngram_size\" is -1; it must be 0 to"));
}

class TokenIds : public GenerationConfig {
 protected:
  // Starts without the defaults of a class.
  TransformerConfig with(const Json& config, const std::optional<Json>& generation, TransformerConfig result) const {
    result.eos_token_ids.clear();
    result.pad_token_id = result.decoder_start_token_id = -1;
    const ConfigReader in = reader(config, "config.json");
    if (!generation) {
      read_token_ids(in, nullptr, result);
    } else {
      const ConfigReader other = reader(*generation);
      read_token_ids(in, &other, result);
    }
    return result;
  }
};

TEST_F(TokenIds, GenerationConfigComesBeforeConfig) {
  const Json config = {{"eos_token_id", 2}, {"bos_token_id", 5}, {"pad_token_id", 6}};
  EXPECT_THAT(with(config, Json{{"eos_token_id", {1, 52}}}, continues_).eos_token_ids, ElementsAre(1, 52));
  EXPECT_THAT(with(config, Json{{"eos_token_id", nullptr}}, continues_).eos_token_ids, IsEmpty());
  EXPECT_THAT(with(config, Json::object(), continues_).eos_token_ids, ElementsAre(2));
  EXPECT_THAT(with(config, std::nullopt, continues_).eos_token_ids, ElementsAre(2));
  EXPECT_THAT(with({{"eos_token_id", {7, 9}}}, std::nullopt, continues_).eos_token_ids, ElementsAre(7, 9));
  EXPECT_THAT(with(Json::object(), std::nullopt, continues_).eos_token_ids, IsEmpty()) << "transformers knows no end then";
  EXPECT_EQ(with(config, Json{{"bos_token_id", 4}}, continues_).decoder_start_token_id, 4);
}

// As in the first conversions of Llama.
TEST_F(TokenIds, MinusOneIsNoToken) {
  const TransformerConfig found = with({{"eos_token_id", 2}, {"bos_token_id", 1}, {"pad_token_id", -1}}, std::nullopt, continues_);
  EXPECT_EQ(found.pad_token_id, -1);
  EXPECT_EQ(generation_json({}, found)["pad_token_id"], nullptr);
  EXPECT_EQ(generation_json({}, found)["eos_token_id"], 2);
  EXPECT_THAT(with({{"eos_token_id", -1}}, std::nullopt, continues_).eos_token_ids, IsEmpty());
  EXPECT_EQ(with({{"eos_token_id", 2}, {"decoder_start_token_id", 5}, {"pad_token_id", -1}}, std::nullopt, translates_).pad_token_id, -1);
}

TEST_F(TokenIds, AModelThatTranslatesStartsWithItsStartTokenOrBosOrPad) {
  const Json config = {{"eos_token_id", 2}, {"pad_token_id", 6}};
  EXPECT_EQ(with(config, std::nullopt, translates_).decoder_start_token_id, 6);
  EXPECT_EQ(with(config, Json{{"bos_token_id", 4}}, translates_).decoder_start_token_id, 4);
  EXPECT_EQ(with(config, Json{{"bos_token_id", 4}, {"decoder_start_token_id", 5}}, translates_).decoder_start_token_id, 5);
  EXPECT_THROW(with({{"pad_token_id", 6}}, std::nullopt, translates_), Error) << "config.json is cut or of another model";
}

}  // namespace
}  // namespace qkv
