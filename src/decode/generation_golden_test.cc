// Tests texts generated under various generation_config.json files against transformers' generate() (tools/golden/generation.py).
#include <gtest/gtest.h>

#include <fstream>

#include "base/files.h"
#include "base/temporary_directory.h"
#include "decode/generator.h"
#include "decode/translator.h"
#include "formats/json.h"

namespace qkv {
namespace {

using Json = nlohmann::json;

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens";

Json golden_cases() { return Json::parse(read_file(kGoldens / "generation/texts.json"))["cases"]; }

// Loads the model's directory with some keys of its JSON files changed. A null removes a key of config.json, but is stored in
// generation_config.json.
std::unique_ptr<Model> open_changed(const Json& each, const std::filesystem::path& directory) {
  const std::filesystem::path model = kGoldens / each["model"].get<std::string>();
  std::filesystem::copy_file(model / "model.safetensors", directory / "model.safetensors");
  Json config = Json::parse(read_file(model / "config.json"));
  config.merge_patch(each["config"]);
  std::ofstream(directory / "config.json") << config;
  if (!each["generation_config"].is_null()) {
    Json generation = Json::parse(read_file(model / "generation_config.json"));
    for (const auto& [key, value] : each["generation_config"].items()) generation[key] = value;
    std::ofstream(directory / "generation_config.json") << generation;
  }
  return load_model(directory);
}

std::vector<int32_t> translated(const Model& model, const std::vector<int32_t>& source) {
  const auto length = static_cast<int32_t>(source.size());
  ForwardContext context;
  return search(model.network, {source, Segments::of_lengths(std::span(&length, 1))}, resolve_options(TranslatorOptions(), model).search,
                context)[0][0]
      .ids;
}

// The generated ids including the end token; generate() omits it, so it is taken from `expected` and must be one of the model's end tokens.
std::vector<int32_t> continued(const Model& model, const std::vector<int32_t>& prompt, std::span<const int32_t> expected) {
  const GeneratedTokens found =
      generate(model.network, prompt, resolve_options({.temperature = 0}, model, static_cast<int64_t>(prompt.size())));
  std::vector<int32_t> ids = found.ids;
  if (found.end == GenerationEnd::end_of_text) {
    EXPECT_TRUE(model.config.is_eos(expected.back()));
    ids.push_back(expected.back());
  }
  return ids;
}

void expect_texts(const Json& each, const Model& model) {
  for (size_t i = 0; i < each["inputs"].size(); ++i) {
    const std::vector<int32_t> input = each["inputs"][i], expected = each["ids"][i];
    EXPECT_EQ(model.config.has_encoder() ? translated(model, input) : continued(model, input, expected), expected) << "input " << i;
  }
}

TEST(GenerationConfig, TextsAreThoseOfTransformers) {
  for (const Json& each : golden_cases()) {
    SCOPED_TRACE(each["name"]);
    const TemporaryDirectory directory;
    expect_texts(each, *open_changed(each, directory.path()));
  }
}

TEST(GenerationConfig, TextsStayTheSameWhenTheModelIsSavedAgain) {
  for (const Json& each : golden_cases()) {
    SCOPED_TRACE(each["name"]);
    const TemporaryDirectory directory, saved;
    const auto model = open_changed(each, directory.path());
    save_model(*model, saved.path());
    const auto again = load_model(saved.path());
    expect_texts(each, *again);
    GenerationDefaults expected = model->generation;
    expected.file = again->generation.file;
    EXPECT_EQ(again->generation, expected);
  }
}

}  // namespace
}  // namespace qkv
