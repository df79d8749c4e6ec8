#include "qkv/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "api/test_directories.h"
#include "formats/json.h"
#include "models/model_directory.h"
#include "qkv/chat.h"
#include "qkv/embedder.h"
#include "qkv/inspect.h"
#include "qkv/tokenizer.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

const fs::path kGoldens = fs::path(QKV_SOURCE_DIR) / "tests/goldens";

class Convert : public testing::Test {
 protected:
  static void expect_same_weights(const fs::path& a, const fs::path& b, float tolerance) {
    const auto first = load_model(a), second = load_model(b);
    ASSERT_EQ(first->parameters.all().size(), second->parameters.all().size());
    for (size_t i = 0; i < first->parameters.all().size(); ++i) {
      const std::vector<float> x = first->parameters.all()[i].value.to_vector(), y = second->parameters.all()[i].value.to_vector();
      for (size_t k = 0; k < x.size(); ++k) ASSERT_NEAR(x[k], y[k], tolerance * std::abs(x[k]) + 1e-7f);
    }
  }

  TemporaryDirectory root_;
  fs::path to_ = root_ / "new" / "model";
};

// GTE's own class "NewModel" has another name in transformers.
TEST_F(Convert, TheClassIsTheOneThatIsWritten) {
  EXPECT_EQ(convert_model(kGoldens / "encoder_models/new_model", to_).architecture, "GteModel");
}

TEST_F(Convert, MarianBecomesADirectoryOfTransformers) {
  const ConvertedModel result = convert_model(kGoldens / "marian_files", to_);
  EXPECT_EQ(result.architecture, "MarianMTModel");
  expect_same_weights(kGoldens / "marian_files", to_, 0);
  const nlohmann::json expected = nlohmann::json::parse(read_file(kGoldens / "marian_files/expected.json"));
  const nlohmann::json config = nlohmann::json::parse(read_file(to_ / "config.json"));
  for (const auto& [key, value] : expected["config"].items()) {
    EXPECT_EQ(config.contains(key) ? config[key] : nlohmann::json(), key == "activation_function" ? nlohmann::json("silu") : value) << key;
  }
  for (const fs::path& directory : {kGoldens / "marian_files", to_}) {
    const Tokenizer tokenizer = Tokenizer::load(directory);
    for (const nlohmann::json& text : expected["texts"]) {
      EXPECT_EQ(tokenizer.encode(text["text"].get<std::string>()), text["ids"].get<std::vector<int32_t>>()) << text["text"];
    }
  }
}

TEST_F(Convert, PytorchFilesBecomeSafetensorsOfAnyTypeAndSize) {
  const fs::path bert = kGoldens / "weight_files/bert";
  fs::create_directory(root_ / "twin");
  fs::copy(bert / "config.json", root_ / "twin");
  fs::copy(bert / "twin.safetensors", root_ / "twin/model.safetensors");
  expect_same_weights(bert, root_ / "twin", 0);
  convert_model(bert / "pytorch_model.bin", to_);
  expect_same_weights(bert, to_, 0);
  for (const auto& [type, name, tolerance] :
       {std::tuple(WeightType::bf16, "BF16", 0x1p-8f), std::tuple(WeightType::f16, "F16", 0x1p-11f)}) {
    const fs::path narrow = root_ / name;
    const ConvertedModel result = convert_model(bert, narrow, {.dtype = type, .max_shard_bytes = 500});
    EXPECT_GT(result.files.size(), 4u);
    EXPECT_FALSE(fs::exists(narrow / "model.safetensors"));
    EXPECT_THAT(inspect_directory(narrow).model->dtypes, ElementsAre(name));
    expect_same_weights(bert, narrow, tolerance);
    convert_model(narrow, root_ / name / "again");  // keeps the type
    EXPECT_THAT(inspect_directory(root_ / name / "again").model->dtypes, ElementsAre(name));
    expect_same_weights(narrow, root_ / name / "again", 0);
  }
}

TEST_F(Convert, WhatFailsLeavesNothingBehind) {
  write_encoder(root_ / "model", Head::masked_lm);
  const auto model = load_model(root_ / "model");
  model->parameters.all()[0].value.fill(1e6f);
  save_model(*model, root_ / "model");
  const auto convert = [&](const fs::path& to) { return [&, to] { convert_model(root_ / "model", to, {.dtype = WeightType::f16}); }; };
  EXPECT_THAT(error_of(convert(to_), ErrorCode::invalid_argument), HasSubstr("which is too large for f16"));
  EXPECT_THAT(error_of(convert(root_ / "model"), ErrorCode::invalid_argument), HasSubstr("exists already"));
  EXPECT_THAT(error_of([&] { convert_model(root_ / "nothing", to_); }, ErrorCode::io), HasSubstr("has no config.json"));
  EXPECT_TRUE(fs::is_empty(root_ / "new"));
}

TEST_F(Convert, FoldersOfTheHubsCacheAreModels) {
  write_encoder(root_ / "blobs", Head::masked_lm);
  const fs::path snapshot = root_ / "models--org--name/snapshots/1a2b";
  fs::create_directories(snapshot);
  fs::create_directories(root_ / "models--org--name/refs");
  std::ofstream(root_ / "models--org--name/refs/main") << "1a2b";
  for (const fs::directory_entry& file : fs::directory_iterator(root_ / "blobs")) {
    fs::create_symlink(fs::path("../../../blobs") / file.path().filename(), snapshot / file.path().filename());
  }
  EXPECT_EQ(inspect_directory(root_ / "models--org--name").path, snapshot);
  convert_model(root_ / "models--org--name", to_);
  expect_same_weights(root_ / "blobs", to_, 0);
  EXPECT_EQ(Tokenizer::load(root_ / "models--org--name").vocab_size(), Tokenizer::load(to_).vocab_size());
  EXPECT_FALSE(fs::is_symlink(to_ / "tokenizer.json"));
}

TEST_F(Convert, ModelsThatCannotRunAreDescribed) {
  write_encoder(root_ / "model", Head::masked_lm);
  EXPECT_EQ(inspect_directory(root_ / "model").not_supported, std::nullopt);
  const NeededMemory memory = inspect_directory(root_ / "model").model->memory;
  EXPECT_EQ(memory.running_f32, 4 * inspect_directory(root_ / "model").model->parameters);
  EXPECT_LT(memory.running_bf16, memory.running_f32);
  nlohmann::json config = nlohmann::json::parse(read_file(root_ / "model/config.json"));
  config["architectures"] = {"BertForDreaming"};
  std::ofstream(root_ / "model/config.json") << config;
  const InspectedDirectory inspected = inspect_directory(root_ / "model");
  EXPECT_THAT(*inspected.not_supported, HasSubstr("BertForDreaming"));
  EXPECT_EQ(inspected.model->architecture, "BertForDreaming");
  EXPECT_THAT(inspected.model->dtypes, ElementsAre("F32"));
  EXPECT_GT(inspected.model->tensors, 10);
}

TEST_F(Convert, TokenizerRolesAndTemplatesGoToGgufAndBack) {
  const fs::path model = root_ / "model";
  fs::copy(kGoldens / "gguf/llama_f32", model);
  write_file_atomically(model / "tokenizer.json", R"({"version": "1.0", "normalizer": null, "post_processor": null,
      "added_tokens": [{"id": 1, "content": "<s>", "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false},
                       {"id": 2, "content": "</s>", "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false}],
      "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
      "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
      "model": {"type": "BPE", "vocab": {"<s>": 1, "</s>": 2, "a": 3, "b": 4, "ab": 5}, "merges": ["a b"]}})");
  write_file_atomically(model / "tokenizer_config.json", R"({"bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"})");
  write_file_atomically(model / "chat_template.jinja",
                        "{{ bos_token }}{% for m in messages %}{{ m['content'] }}{{ eos_token }}{% endfor %}");
  convert_model(model, root_ / "model.gguf");
  convert_model(root_ / "model.gguf", to_);
  for (const fs::path& each : {model, root_ / "model.gguf", to_}) {
    const Tokenizer tokenizer = Tokenizer::load(each);
    EXPECT_EQ(tokenizer.encode("ab</s>ba"), (std::vector<int32_t>{5, 2, 4, 3})) << each;
    EXPECT_EQ(ChatTemplate::load(each).render(R"([{"role": "user", "content": "ab"}])").text, "<s>ab</s>") << each;
  }
  const nlohmann::json config = nlohmann::json::parse(read_file(to_ / "tokenizer_config.json"));
  for (const auto& [role, token] : {std::pair("bos_token", "<s>"), std::pair("eos_token", "</s>"), std::pair("pad_token", "</s>")}) {
    EXPECT_EQ(config[role], token);
  }
}

// The dense modules of EmbeddingGemma, without which its vectors are others.
TEST_F(Convert, DenseModulesOfEmbeddingGemmaGoToGgufAndBack) {
  const fs::path model = root_ / "model", file = root_ / "model.gguf";
  fs::copy(kGoldens / "embeddings/gemma_dense_prompts", model, fs::copy_options::recursive);
  nlohmann::json config = nlohmann::json::parse(read_file(model / "config.json"));
  config["layer_types"] = {"sliding_attention", "sliding_attention"};  // llama.cpp's six layers, of which one has no window
  config["query_pre_attn_scalar"] = config["head_dim"];
  write_file_atomically(model / "config.json", config.dump());
  convert_model(model, file);
  const std::vector<std::string> texts{"the boat is old", "A new river"};
  const Embeddings expected = Embedder::open(model).embed(texts), found = Embedder::open(file).embed(texts);
  EXPECT_EQ(found.size, expected.size);
  EXPECT_EQ(found.values, expected.values);
  EXPECT_EQ(inspect_directory(file).model->architecture, "Gemma3TextModel");
}

}  // namespace
}  // namespace qkv
