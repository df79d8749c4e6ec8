// Compares sources and translations of multilingual models with transformers (tools/golden/languages.py).
#include "decode/languages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"
#include "decode/translator.h"
#include "formats/json.h"
#include "tests/golden_folders.h"

namespace qkv {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens";

class LanguagesTest : public testing::TestWithParam<std::string> {
 protected:
  // A directory with the golden tokenizer and its model.
  void open(const std::string& name) {
    const std::filesystem::path folder = kGoldens / "languages" / name;
    expected_ = json::parse(read_file(folder / "expected.json"));
    for (const char* file : {"tokenizer.json", "tokenizer_config.json"}) std::filesystem::copy_file(folder / file, directory_ / file);
    for (const char* file : {"config.json", "generation_config.json", "model.safetensors"}) {
      std::filesystem::copy_file(kGoldens / "models" / expected_["model"].get<std::string>() / file, directory_ / file);
    }
  }
  std::string message(const std::string& from, const std::string& to) const {
    try {
      Translator::open(directory_.path(), {.source_language = from, .target_language = to});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      return error.what();
    }
    return "no error";
  }

  TemporaryDirectory directory_;
  json expected_;
};

INSTANTIATE_TEST_SUITE_P(Transformers, LanguagesTest, testing::ValuesIn(folders_of(kGoldens / "languages")),
                         [](const auto& info) { return info.param; });

TEST_P(LanguagesTest, SourcesAndTranslationsEqualTransformers) {
  open(GetParam());
  const Tokenizer tokenizer = Tokenizer::load(directory_.path());
  const std::unique_ptr<Model> model = load_model(directory_.path());
  for (const json& each : expected_["cases"]) {
    const std::string from = each["from"], to = each["to"];
    SCOPED_TRACE(from + " to " + to);
    const auto languages = find_languages(directory_.path(), tokenizer, model->config, from, to);
    ASSERT_TRUE(languages);
    const std::vector<std::string> texts = each["texts"];
    const Translator translator = Translator::open(directory_.path(), {.source_language = from, .target_language = to});
    const std::vector<Translation> found = translator.translate(texts);
    for (size_t i = 0; i < texts.size(); ++i) {
      EXPECT_EQ(encode_source(tokenizer, model->config, texts[i], false, "line 1", languages->source).ids,
                each["sources"][i].get<std::vector<int32_t>>());
      EXPECT_EQ(found[i].candidates[0].tokens, each["tokens"][i].get<std::vector<std::string>>());
      EXPECT_EQ(found[i].candidates[0].text, each["translations"][i]);
    }
  }
}

TEST_F(LanguagesTest, ALanguageThatTheModelLacksIsRefusedByName) {
  open("nllb");
  EXPECT_THAT(message("", "tlh_Latn"), HasSubstr("target_language \"tlh_Latn\" is no language of this model"));
  EXPECT_THAT(message("tlh_Latn", ""), HasSubstr("source_language \"tlh_Latn\" is no language of this model"));
}

TEST_F(LanguagesTest, WithoutAClassOfLanguagesTheTargetIsATagOfTheSource) {
  open("nllb");
  json config = json::parse(read_file(directory_ / "tokenizer_config.json"));
  config["tokenizer_class"] = "TokenizersBackend";
  std::ofstream(directory_ / "tokenizer_config.json") << config;
  json model = json::parse(read_file(directory_ / "config.json"));
  EXPECT_THAT(message("", "de"), HasSubstr("its tokenizer has neither <2de> nor >>de<<"));
  EXPECT_THAT(message("de", ""), HasSubstr("no tokens for the language of a source"));
  json tokens = json::parse(read_file(directory_ / "tokenizer.json"));
  for (json& token : tokens["added_tokens"]) {
    if (token["content"] == "deu_Latn") token["content"] = "<2de>";
  }
  std::ofstream(directory_ / "tokenizer.json") << tokens;
  const Tokenizer tokenizer = Tokenizer::load(directory_.path());
  const TransformerConfig network = load_model(directory_.path())->config;
  const auto languages = find_languages(directory_.path(), tokenizer, network, "", "de");
  ASSERT_TRUE(languages);
  std::vector<int32_t> ids = tokenizer.encode("the rain");
  ids.insert(ids.begin(), tokenizer.token_to_id("<2de>"));
  EXPECT_EQ(encode_source(tokenizer, network, "the rain", false, "line 1", languages->source).ids, ids);
  EXPECT_THAT(message("en", "de"), HasSubstr("this model is told the target alone, by <2de>"));
  EXPECT_EQ(find_languages(directory_.path(), tokenizer, network, "", ""), std::nullopt);
}

TEST_F(LanguagesTest, ACutSourceKeepsTheTokensAroundIt) {
  for (const auto& [name, ends] : {std::pair{"nllb", std::vector<int32_t>{2}}, {"nllb_legacy", {2, 38}}}) {
    const TemporaryDirectory directory;
    const std::filesystem::path folder = kGoldens / "languages" / name;
    for (const char* file : {"tokenizer.json", "tokenizer_config.json"}) std::filesystem::copy_file(folder / file, directory / file);
    const Tokenizer tokenizer = Tokenizer::load(directory.path());
    const TransformerConfig network = load_model(kGoldens / "models/m2m100")->config;
    const auto languages = find_languages(directory.path(), tokenizer, network, "eng_Latn", "");
    const EncodedSource source = encode_source(tokenizer, network, std::string(100, 'a'), true, "line 1", languages->source);
    EXPECT_TRUE(source.cut);
    EXPECT_EQ(std::ssize(source.ids), network.max_position_embeddings);
    EXPECT_TRUE(std::equal(ends.rbegin(), ends.rend(), source.ids.rbegin())) << name;
  }
}

}  // namespace
}  // namespace qkv
