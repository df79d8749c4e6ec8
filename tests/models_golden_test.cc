// Compares encoder-decoders of transformers by their logits, also after load_model and save_model. tools/golden/models.py and
// encoder_decoders.py wrote the files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"
#include "formats/json.h"
#include "io/safetensors.h"
#include "models/model.h"
#include "tests/golden_folders.h"

namespace qkv {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/models";

TokenBatch batch_of(const nlohmann::json& sequences) {
  TokenBatch batch;
  std::vector<int32_t> lengths;
  for (const nlohmann::json& sequence : sequences) {
    for (const nlohmann::json& id : sequence) batch.ids.push_back(id.get<int32_t>());
    lengths.push_back(static_cast<int32_t>(sequence.size()));
  }
  batch.segments = Segments::of_lengths(lengths);
  return batch;
}

std::vector<float> golden_logits(const std::string& folder, const std::string& name) {
  const TensorFile reader = open_safetensors(kGoldens / folder / "expected.safetensors");
  const Tensor logits = Tensor::empty(reader.entries().at(name).shape, DType::f32);
  reader.read(name, logits);
  return logits.to_vector();
}

std::vector<float> logits_of(const Model& model, const std::string& folder, DType activations) {
  const nlohmann::json expected = nlohmann::json::parse(read_file(kGoldens / folder / "expected.json"));
  const TokenBatch source = batch_of(expected["sources"]), target = batch_of(expected["targets"]);
  ForwardContext context;
  context.dtype = activations;
  const Tensor memory = model.network.encode(source, context);
  return model.network.logits(model.network.decode(target, memory, source.segments, context)).to_vector();
}

float largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  float largest = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

class GoldenModel : public testing::TestWithParam<std::string> {
 protected:
  // A copy of the golden directory with some keys of one JSON file changed (null: removed).
  const std::filesystem::path& changed(const std::string& folder, const nlohmann::json& changes, const std::string& file = "config.json") {
    for (const char* name : {"config.json", "generation_config.json", "model.safetensors"}) {
      if (!std::filesystem::exists(kGoldens / folder / name)) continue;
      std::filesystem::copy_file(kGoldens / folder / name, copy_ / name, std::filesystem::copy_options::overwrite_existing);
    }
    nlohmann::json json = nlohmann::json::parse(read_file(copy_ / file));
    json.merge_patch(changes);
    std::ofstream(copy_ / file) << json;
    return copy_;
  }
  std::string message(const nlohmann::json& changes, const std::string& file = "config.json") {
    try {
      load_model(changed("marian_post_norm", changes, file));
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::Not(HasSubstr("\n")));
      EXPECT_NE(error.code(), ErrorCode::invalid_argument);
      EXPECT_NE(error.code(), ErrorCode::internal);
      return error.what();
    }
    return "no error";
  }

  TemporaryDirectory temporary_;
  std::filesystem::path copy_ = temporary_.path();
};
using BadModel = GoldenModel;

INSTANTIATE_TEST_SUITE_P(Transformers, GoldenModel, testing::ValuesIn(folders_of(kGoldens)), [](const auto& info) { return info.param; });

TEST_P(GoldenModel, LogitsEqualTransformersOnTheCpu) {
  const auto model = load_model(kGoldens / GetParam());
  EXPECT_LT(largest_difference(logits_of(*model, GetParam(), DType::f32), golden_logits(GetParam(), "logits")), 1e-4);
}

TEST_P(GoldenModel, LogitsEqualTransformersOnTheReference) {
  const auto model = load_model(kGoldens / GetParam(), DType::f64, Device::reference);
  // The remaining difference comes from the sinusoids and the golden file's rounding to f32.
  EXPECT_LT(largest_difference(logits_of(*model, GetParam(), DType::f64), golden_logits(GetParam(), "logits")), 1e-5);
}

TEST_P(GoldenModel, LogitsOfBf16WeightsStayClose) {
  const auto model = load_model(kGoldens / GetParam(), DType::bf16);
  EXPECT_EQ(model->network.embed_tokens().dtype(), DType::bf16);
  const std::vector<float> exact = golden_logits(GetParam(), "logits");
  float square_sum = 0, error_sum = 0;
  const std::vector<float> logits = logits_of(*model, GetParam(), DType::bf16);
  ASSERT_EQ(logits.size(), exact.size());
  for (size_t i = 0; i < exact.size(); ++i) {
    square_sum += exact[i] * exact[i];
    error_sum += (logits[i] - exact[i]) * (logits[i] - exact[i]);
  }
  EXPECT_LT(std::sqrt(error_sum / square_sum), 0.02);  // bf16 has 8 bits: 2^-8 per rounding, with some dozens of roundings
}

TEST_P(GoldenModel, SavedAndLoadedIsTheSameModel) {
  const auto model = load_model(kGoldens / GetParam());
  save_model(*model, copy_ / "new" / "deep");
  const auto again = load_model(copy_ / "new" / "deep");
  EXPECT_EQ(logits_of(*model, GetParam(), DType::f32), logits_of(*again, GetParam(), DType::f32));
  GenerationDefaults expected = model->generation;
  expected.file = again->generation.file;
  EXPECT_EQ(again->generation, expected);
  EXPECT_EQ(again->config.eos_token_ids, model->config.eos_token_ids);
  EXPECT_EQ(again->config.pad_token_id, model->config.pad_token_id);
  EXPECT_EQ(again->config.dropout, model->config.dropout);
}

TEST_P(GoldenModel, SavedWeightsAreThoseOfTheOriginalFile) {
  save_model(*load_model(kGoldens / GetParam()), copy_);
  const TensorFile before = open_safetensors(kGoldens / GetParam() / "model.safetensors");
  const TensorFile after = open_safetensors(copy_ / "model.safetensors");
  for (const auto& [name, entry] : after.entries()) {
    ASSERT_TRUE(before.entries().contains(name)) << name;
    EXPECT_EQ(before.entries().at(name).shape, entry.shape) << name;
    const Tensor a = Tensor::empty(entry.shape, DType::f32), b = Tensor::empty(entry.shape, DType::f32);
    before.read(name, a);
    after.read(name, b);
    EXPECT_LE(largest_difference(a.to_vector(), b.to_vector()), name.find("embed_positions") == std::string::npos ? 0 : 1e-6) << name;
  }
}

TEST_F(GoldenModel, ValuesOfConfigReachTheNetwork) {
  for (const auto& [key, value] : std::vector<std::pair<std::string, nlohmann::json>>{{"activation_function", "relu"},
                                                                                      {"activation_function", "gelu"},
                                                                                      {"activation_function", "gelu_new"},
                                                                                      {"scale_embedding", false}}) {
    const auto model = load_model(changed("marian_post_norm", {{key, value}}));
    const std::string name = "logits." + key + "=" + (value.is_string() ? value.get<std::string>() : value.dump());
    EXPECT_LT(largest_difference(logits_of(*model, "marian_post_norm", DType::f32), golden_logits("marian_post_norm", name)), 1e-4) << name;
  }
}

TEST_F(GoldenModel, EmbeddingsBeforeANormAreScaledToo) {
  const auto model = load_model(changed("bart", {{"scale_embedding", true}}));
  EXPECT_LT(largest_difference(logits_of(*model, "bart", DType::f32), golden_logits("bart", "logits.scale_embedding=true")), 1e-4);
}

TEST_F(GoldenModel, AveragedWeightsAreSavedInsteadOfTheModelsOwn) {
  const auto model = load_model(kGoldens / "marian_post_norm");
  std::vector<Tensor> weights;
  for (const Parameter& parameter : model->parameters.all()) {
    weights.push_back(parameter.value.to(DType::f32));
    weights.back().fill(0.25f);
  }
  save_model(*model, copy_, weights);
  const auto again = load_model(copy_);
  for (const Parameter& parameter : again->parameters.all())
    EXPECT_THAT(parameter.value.to_vector(), testing::Each(0.25f)) << parameter.name;
}

TEST_F(GoldenModel, GenerationDefaultsAreRead) {
  const GenerationDefaults pegasus = load_model(kGoldens / "pegasus_pre_norm")->generation;
  EXPECT_EQ(pegasus.num_beams, 2);
  EXPECT_EQ(pegasus.length_penalty, 0.8f);
  EXPECT_EQ(pegasus.max_length, 48);
  EXPECT_THAT(pegasus.forced_eos_token_ids, ElementsAre());
  EXPECT_THAT(pegasus.bad_words, ElementsAre(0));
  const GenerationDefaults old = load_model(kGoldens / "marian_old_f16")->generation;  // its keys are in config.json
  EXPECT_EQ(old.num_beams, 6);
  EXPECT_EQ(old.max_length, 32);
  EXPECT_THAT(old.forced_eos_token_ids, ElementsAre(0));
  EXPECT_THAT(old.bad_words, ElementsAre(39));
}

TEST_F(GoldenModel, WeightsInSeveralFilesAreFound) {
  const TensorFile whole = open_safetensors(kGoldens / "marian_post_norm/model.safetensors");
  changed("marian_post_norm", nlohmann::json::object());
  std::filesystem::remove(copy_ / "model.safetensors");
  std::vector<std::pair<std::string, Tensor>> parts[2];
  nlohmann::json index;
  for (const auto& [name, entry] : whole.entries()) {
    const Tensor tensor = Tensor::empty(entry.shape, DType::f32);
    whole.read(name, tensor);
    const size_t part = index["weight_map"].size() % 2;
    parts[part].emplace_back(name, tensor);
    index["weight_map"][name] = fmt::format("part-{}.safetensors", part);
  }
  for (int part = 0; part < 2; ++part) write_safetensors(copy_ / fmt::format("part-{}.safetensors", part), parts[part]);
  std::ofstream(copy_ / "model.safetensors.index.json") << index;
  EXPECT_LT(largest_difference(logits_of(*load_model(copy_), "marian_post_norm", DType::f32), golden_logits("marian_post_norm", "logits")),
            1e-4);
}

TEST_F(BadModel, ConfigMessagesNameTheKey) {
  EXPECT_EQ(message(nlohmann::json::object()), "no error");
  EXPECT_THAT(message({{"d_model", nullptr}}), HasSubstr("is [48, 24], not [48, 1024]"));  // the class's default
  EXPECT_THAT(message({{"hidden_size", 48}}), HasSubstr("\"d_model\" is 24, \"hidden_size\" is 48; they are two names of one number"));
  EXPECT_THAT(message({{"d_model", "24"}}), HasSubstr("\"d_model\" is \"24\"; a whole number"));
  EXPECT_THAT(message({{"d_model", 24.5}}), HasSubstr("\"d_model\" is 24.5"));
  EXPECT_THAT(message({{"dropout", "much"}}), HasSubstr("\"dropout\""));
  EXPECT_THAT(message({{"dropout", 1.5}}), HasSubstr("dropout is 1.5"));
  EXPECT_THAT(message({{"scale_embedding", 1}}), HasSubstr("\"scale_embedding\" is 1; true or false"));
  EXPECT_THAT(message({{"activation_function", "snake"}}), HasSubstr("the activation \"snake\"; there are relu, gelu"));
  EXPECT_THAT(message({{"static_position_embeddings", false}}), HasSubstr("learned positions"));
  EXPECT_THAT(message({{"normalize_before", true}}), HasSubstr("\"normalize_before\" is true"));
  EXPECT_THAT(message({{"architectures", {"LEDForConditionalGeneration"}}}),
              HasSubstr("\"LEDForConditionalGeneration\" is not supported; of the type \"marian\" there are MarianMTModel"));
  EXPECT_THAT(message({{"architectures", nullptr}, {"model_type", "led"}}),
              HasSubstr("\"led\" is not supported; there are models of the types marian, pegasus"));
  EXPECT_EQ(message({{"architectures", nullptr}}), "no error");
  EXPECT_THAT(message({{"decoder_attention_heads", 2}}), HasSubstr("\"decoder_attention_heads\" is 2"));
  EXPECT_THAT(message({{"encoder_attention_heads", 5}, {"decoder_attention_heads", 5}}), HasSubstr("5 does not divide hidden_size 24"));
  EXPECT_THAT(message({{"eos_token_id", nullptr}, {"pad_token_id", nullptr}}), HasSubstr("no error"));  // generation_config.json has them
  EXPECT_THAT(message({{"pad_token_id", 48}}, "generation_config.json"), HasSubstr("pad_token_id is 48"));
  EXPECT_THAT(message({{"eos_token_id", {0, 48}}}, "generation_config.json"), HasSubstr("eos_token_id is 48; it must be 0 to 47"));
  EXPECT_THAT(message({{"eos_token_id", "</s>"}}, "generation_config.json"),
              HasSubstr("\"eos_token_id\" is \"</s>\"; a token id or a list"));
  EXPECT_THAT(message({{"decoder_start_token_id", {0, 2}}}, "generation_config.json"), HasSubstr("is [0,2]; one token id"));
  EXPECT_THAT(message({{"num_beams", 0}}, "generation_config.json"), HasSubstr("generation_config.json: \"num_beams\" is 0"));
  EXPECT_THAT(message({{"bad_words_ids", {{99}}}}, "generation_config.json"), HasSubstr("\"bad_words_ids\" is 99"));
  EXPECT_THAT(message({{"early_stopping", "sometimes"}}, "generation_config.json"), HasSubstr("\"early_stopping\" is \"sometimes\""));
}

TEST_F(BadModel, HostileSizesAreRefusedBeforeMemoryIsAskedFor) {
  const int64_t peak = memory_statistics().bytes_peak;
  for (const char* key : {"d_model", "vocab_size", "encoder_layers", "decoder_layers", "encoder_ffn_dim", "decoder_ffn_dim",
                          "max_position_embeddings", "encoder_attention_heads"}) {
    for (const int64_t value :
         {int64_t{-1}, int64_t{0}, int64_t{1000}, int64_t{1} << 20, int64_t{1} << 24, int64_t{0x7fffffff}, int64_t{1} << 40}) {
      if (std::string(key) == "max_position_embeddings" && value > 0 && value <= 1 << 24) continue;  // allowed: sinusoids, not weights
      EXPECT_THAT(message({{key, value}}), HasSubstr("config.json")) << key << " " << value;
    }
  }
  EXPECT_LT(memory_statistics().bytes_peak - peak, 1 << 20);
}

TEST_F(BadModel, WeightsThatDoNotFitTheConfigAreNamed) {
  EXPECT_THAT(message({{"decoder_layers", 3}}), HasSubstr("has no tensor \"model.decoder.layers.2.self_attn.q_proj.weight\""));
  EXPECT_THAT(message({{"decoder_layers", 1}}), HasSubstr("has 26 tensors that a MarianMTModel"));
  EXPECT_THAT(message({{"vocab_size", 49}, {"decoder_vocab_size", 49}}), HasSubstr("\"model.shared.weight\" is [48, 24]"));
  EXPECT_THAT(message({{"encoder_ffn_dim", 41}}), HasSubstr("\"model.encoder.layers.{0-1}.fc1.weight\" is [40, 24], not [41, 24]"));
}

TEST_F(BadModel, MissingFilesAreNamed) {
  EXPECT_THROW(load_model(copy_ / "nothing"), Error);
  changed("marian_post_norm", nlohmann::json::object());
  std::filesystem::remove(copy_ / "model.safetensors");
  try {
    load_model(copy_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("has no model.safetensors"));
  }
}

}  // namespace
}  // namespace qkv
