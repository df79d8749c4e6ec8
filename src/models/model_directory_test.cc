// Tests load_model on foreign and damaged files; tests/models_golden_test.cc covers the values of valid ones.
#include "models/model_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/temporary_directory.h"
#include "formats/json.h"
#include "models/parameter_count.h"
#include "nn/uniform_config.h"

namespace qkv {
namespace {

TEST(WeightNames, LayersNumberAndTheRestAreKept) {
  const Architecture& marian = architectures()[0];
  EXPECT_EQ(their_name(marian, "embed_tokens.weight"), "model.shared.weight");
  EXPECT_EQ(their_name(marian, "encoder.layers.12.self_attention.q_proj.bias"), "model.encoder.layers.12.self_attn.q_proj.bias");
  EXPECT_EQ(their_name(marian, "encoder.layers.0.self_attention_norm.weight"), "model.encoder.layers.0.self_attn_layer_norm.weight");
  EXPECT_EQ(their_name(marian, "decoder.layers.3.cross_attention.out_proj.weight"), "model.decoder.layers.3.encoder_attn.out_proj.weight");
  EXPECT_EQ(their_name(marian, "decoder.layers.3.feed_forward.fc2.weight"), "model.decoder.layers.3.fc2.weight");
  EXPECT_EQ(their_name(marian, "decoder.final_norm.weight"), "");  // Pegasus has this weight, Marian does not
  EXPECT_EQ(their_name(marian, "embed_tokens_too.weight"), "");
}

// torch.tensor(18 ** 0.5).to(torch.bfloat16) is 4.25: transformers' Gemma rounds the factor to the type of its weights.
TEST(LoadModel, GemmasFactorOfEmbeddingsIsRoundedWithBf16Weights) {
  const auto directory = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/encoder_models/gemma3_model";
  EXPECT_EQ(load_model(directory, InferenceType::bf16)->config.embedding_scale, 4.25f);
  EXPECT_FLOAT_EQ(load_model(directory, InferenceType::f32)->config.embedding_scale, std::sqrt(18.0f));
  EXPECT_FLOAT_EQ(ModelDirectory(directory).make_model(DType::bf16, Device::cpu)->config.embedding_scale, std::sqrt(18.0f))
      << "a copy in another format keeps what the class says";
}

TEST(LoadModel, WithoutANamedClassTheFilesSayWhichHeadThereIs) {
  // ModernBERT's heads have the same names for texts, tokens and answers; choices are labels of texts. Classes of
  // other code, and encoders of models with a decoder, must be named.
  const std::set<std::string> untold{"modernbert_token_classifier", "modernbert_question_answering", "modernbert_multiple_choice",
                                     "bert_multiple_choice", "deberta_v2_multiple_choice"};
  const auto goldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/encoder_models";
  int tried = 0;
  for (const auto& entry : std::filesystem::directory_iterator(goldens)) {
    const std::string name = entry.path().filename().string();
    const ModelDirectory named(entry.path());
    if (untold.contains(name)) continue;
    if (name.starts_with("jina_bert") || name.starts_with("gemma3") || name.find("t5_") != std::string::npos) continue;
    nlohmann::json config = nlohmann::json::parse(read_file(entry.path() / "config.json"));
    config.erase("architectures");
    const TemporaryDirectory scratch;
    std::filesystem::copy(entry.path(), scratch.path(), std::filesystem::copy_options::recursive);
    std::ofstream(scratch / "config.json") << config;
    EXPECT_EQ(ModelDirectory(scratch.path()).config().head, named.config().head) << name;
    ++tried;
  }
  EXPECT_GT(tried, 50);
}

class DamagedDirectory : public testing::Test {
 protected:
  void SetUp() override {
    set_log_level(LogLevel::quiet);
    UniformConfig config;
    config.vocab_size = 7;
    config.hidden_size = 4;
    config.encoder_layers = config.decoder_layers = 1;
    config.num_attention_heads = config.num_key_value_heads = 2;
    config.encoder_ffn_dim = config.decoder_ffn_dim = 4;
    config.max_position_embeddings = 8;
    save_model(*create_model(config, 1), directory_);
  }
  void TearDown() override { set_log_level(LogLevel::normal); }

  // Loads the directory with each variant of one file: it either opens or fails with a one-line error.
  void try_variants(const std::string& file, size_t stride, const std::function<std::string(const std::string&, size_t)>& variant) {
    const std::string whole = read_file(directory_ / file);
    for (size_t i = 0; i < whole.size(); i += stride) {
      std::ofstream(directory_ / file, std::ios::binary) << variant(whole, i);
      try {
        load_model(directory_);
      } catch (const Error& error) {
        EXPECT_NE(error.code(), ErrorCode::internal) << error.what();
        EXPECT_NE(error.code(), ErrorCode::invalid_argument) << error.what();
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      }
    }
    std::ofstream(directory_ / file, std::ios::binary) << whole;
  }

  TemporaryDirectory temporary_;
  std::filesystem::path directory_ = temporary_ / "model";
};

TEST_F(DamagedDirectory, AnyCutOrChangedByteOfTheJsonFilesIsALineOrHarmless) {
  const int64_t peak = memory_statistics().bytes_peak;
  for (const char* file : {"config.json", "generation_config.json"}) {
    // Prime strides, so that lines are changed at varying places; each variant requires writing and reading a file.
    try_variants(file, 11, [](const std::string& whole, size_t at) { return whole.substr(0, at); });
    for (const auto& [c, stride] : {std::pair('9', 5), std::pair('"', 7), std::pair('-', 13)}) {
      try_variants(file, static_cast<size_t>(stride), [c = c](std::string whole, size_t at) {
        whole[at] = c;
        return whole;
      });
    }
    // Extends a number by ten digits.
    try_variants(file, 5, [](const std::string& whole, size_t at) { return whole.substr(0, at) + "9999999999" + whole.substr(at); });
  }
  EXPECT_LT(memory_statistics().bytes_peak - peak, 100'000);
}

TEST_F(DamagedDirectory, LoadingDoesNotNeedTheGenerationConfig) {
  std::filesystem::remove(directory_ / "generation_config.json");
  EXPECT_EQ(load_model(directory_)->generation.max_length, std::nullopt);
}

TEST_F(DamagedDirectory, CountsArePutTogetherByPart) {
  const auto model = ModelDirectory(directory_).make_model(DType::f32, Device::cpu);
  const auto parts = count_by_part(model->parameters);
  EXPECT_EQ(parts.front(), (std::pair<std::string, int64_t>{"embed_tokens", 28}));
  EXPECT_EQ(parts.size(), 8u);
}

}  // namespace
}  // namespace qkv
