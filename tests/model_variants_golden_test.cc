// Opens model directories of other writers: keys of config.json are missing, in another place or contradictory, and tensors have other
// names. The expected values are those of transformers (tools/golden/model_variants.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/temporary_directory.h"
#include "decode/generator.h"
#include "formats/json.h"
#include "models/model_directory.h"
#include "nn/uniform_config.h"

namespace qkv {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens";

const json& variants() {
  static const json all = json::parse(read_file(kGoldens / "model_variants/variants.json"))["variants"];
  return all;
}

// A safetensors file as names and bytes, which allows any type and name.
class RawTensors {
 public:
  explicit RawTensors(const std::filesystem::path& path) {
    const std::string file = read_file(path);
    uint64_t length = 0;
    std::memcpy(&length, file.data(), 8);
    const json header = json::parse(file.substr(8, length));
    for (const auto& [name, entry] : header.items()) {
      if (name == "__metadata__") continue;
      const size_t begin = entry["data_offsets"][0], end = entry["data_offsets"][1];
      tensors_[name] = {entry["dtype"], entry["shape"], file.substr(8 + length + begin, end - begin)};
    }
  }
  void edit(const json& edit) {
    const std::string kind = edit[0], name = edit[1];
    if (kind == "strip") {
      rename([&](const std::string& each) { return each.starts_with(name) ? each.substr(name.size()) : each; });
    } else if (kind == "rename") {
      rename([&](std::string each) {
        if (const size_t at = each.find(name); at != std::string::npos) each.replace(at, name.size(), edit[2].get<std::string>());
        return each;
      });
    } else if (kind == "copy") {
      tensors_[edit[2]] = tensors_.at(name);
    } else if (kind == "remove") {
      tensors_.erase(name);
    } else {
      add(kind, name, edit[2]);
    }
  }
  void save(const std::filesystem::path& path) const {
    json header;
    std::string data;
    for (const auto& [name, tensor] : tensors_) {
      header[name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {data.size(), data.size() + tensor.bytes.size()}}};
      data += tensor.bytes;
    }
    const std::string text = header.dump();
    const uint64_t length = text.size();
    std::ofstream(path, std::ios::binary) << std::string(reinterpret_cast<const char*>(&length), 8) << text << data;
  }

 private:
  struct Raw {
    std::string dtype;
    json shape;
    std::string bytes;
  };

  template <typename NewName>
  void rename(NewName&& new_name) {
    std::map<std::string, Raw> renamed;
    for (auto& [name, tensor] : tensors_) renamed[new_name(name)] = std::move(tensor);
    tensors_ = std::move(renamed);
  }
  void add(const std::string& kind, const std::string& name, const json& shape) {
    int64_t count = 1;
    for (const json& size : shape) count *= size.get<int64_t>();
    Raw& tensor = tensors_[name] = {kind == "wave" ? "F32" : "I64", shape, {}};
    for (int64_t i = 0; i < count; ++i) {
      const auto value = static_cast<float>(0.5 * std::sin(0.37 * static_cast<double>(i)));
      if (kind == "wave") tensor.bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
      if (kind == "count") tensor.bytes.append(reinterpret_cast<const char*>(&i), sizeof(i));
    }
  }

  std::map<std::string, Raw> tensors_;
};

class ModelVariant : public testing::TestWithParam<size_t> {
 protected:
  void SetUp() override {
    set_log_level(LogLevel::quiet);
    const std::filesystem::path base = kGoldens / variant_["base"].get<std::string>();
    json config = json::parse(read_file(base / "config.json"));
    for (const json& key : variant_["remove"]) config.erase(key.get<std::string>());
    for (const auto& [key, value] : variant_["set"].items()) config[key] = value;
    std::ofstream(directory_ / "config.json") << config;
    if (std::filesystem::exists(base / "generation_config.json"))
      std::filesystem::copy_file(base / "generation_config.json", directory_ / "generation_config.json");
    RawTensors tensors(base / "model.safetensors");
    for (const json& edit : variant_["tensors"]) tensors.edit(edit);
    tensors.save(directory_ / "model.safetensors");
    expected_ = json::parse(read_file(base / "expected.json"));
  }
  void TearDown() override { set_log_level(LogLevel::normal); }

  static TokenBatch batch_of(const json& ids) {
    TokenBatch batch;
    for (const json& id : ids) batch.ids.push_back(id);
    batch.segments = Segments::of_lengths(std::vector<int32_t>{static_cast<int32_t>(ids.size())});
    return batch;
  }
  std::vector<float> last_logits(const Model& model) const {
    ForwardContext context;
    const Transformer& network = model.network;
    if (expected_.contains("sources")) {
      const TokenBatch source = batch_of(expected_["sources"][0]);
      return last_row(
          network.logits(network.decode(batch_of(expected_["targets"][0]), network.encode(source, context), source.segments, context)));
    }
    TokenBatch batch = batch_of(expected_["sequences"][0]);
    if (model.config.has_decoder()) return last_row(network.logits(network.decode(batch, {}, {}, context)));
    for (const json& type : expected_["token_types"][0]) batch.token_types.push_back(type);
    const int32_t row = model.config.head == Head::classification ? 0 : static_cast<int32_t>(batch.ids.size()) - 1;
    return last_row(network.logits_of_rows(network.encode(batch, context), batch.segments, std::vector<int32_t>{row}, context));
  }
  // With dynamic scaling, the frequencies beyond max_position_embeddings change with every token, but keys in the cache are not rotated
  // again.
  json greedy(const Model& model, int64_t count) const {
    GenerateOptions options;
    options.sampling.temperature = 0;
    options.max_new_tokens = count;
    return generate(model.network, batch_of(expected_["sequences"][0]).ids, options).ids;
  }
  static std::vector<float> last_row(const Tensor& logits) {
    const std::vector<float> all = logits.to_vector();
    return {all.end() - logits.cols(), all.end()};
  }

  TemporaryDirectory directory_;
  const json variant_ = variants()[GetParam()];
  json expected_;
};

INSTANTIATE_TEST_SUITE_P(Goldens, ModelVariant, testing::Range(size_t{0}, variants().size()),
                         [](const auto& info) { return variants()[info.param]["name"].template get<std::string>(); });

TEST_P(ModelVariant, LogitsAreThoseOfTransformers) {
  const ModelDirectory opened(directory_.path());
  EXPECT_GT(opened.verify_weights(), 0);
  const std::unique_ptr<Model> model = load_model(directory_.path());
  const std::vector<float> logits = last_logits(*model);
  ASSERT_EQ(logits.size(), variant_["last"].size());
  for (size_t i = 0; i < logits.size(); ++i) EXPECT_NEAR(logits[i], variant_["last"][i].get<float>(), 1e-4) << i;
  if (variant_.contains("greedy")) {
    EXPECT_EQ(greedy(*model, std::ssize(variant_["greedy"])), variant_["greedy"]);
  }
}

TEST_P(ModelVariant, SavingKeepsTheLogits) {
  const std::unique_ptr<Model> model = load_model(directory_.path());
  save_model(*model, directory_ / "saved");
  EXPECT_EQ(last_logits(*load_model(directory_ / "saved")), last_logits(*model));
}

class BadVariant : public testing::Test {
 protected:
  void SetUp() override { set_log_level(LogLevel::quiet); }
  void TearDown() override { set_log_level(LogLevel::normal); }
  // The message for the golden directory with changes to config.json. `more` is text, since it may be something that a JSON object cannot
  // hold.
  std::string message(const std::string& base, const std::function<void(json&)>& change, const std::string& more = "") {
    std::filesystem::copy_file(kGoldens / base / "model.safetensors", directory_ / "model.safetensors",
                               std::filesystem::copy_options::overwrite_existing);
    json config = json::parse(read_file(kGoldens / base / "config.json"));
    change(config);
    std::ofstream(directory_ / "config.json") << "{" << more << config.dump().substr(1);
    try {
      ModelDirectory(directory_.path()).make_model(DType::f32, Device::cpu);  // like inspect
    } catch (const Error& error) {
      EXPECT_LT(std::strlen(error.what()), 500u);
      return error.what();
    }
    return "no error";
  }
  std::string rope_message(const json& parameters) {
    return message("causal_models/llama", [&](json& config) { config["rope_parameters"] = parameters; });
  }

  TemporaryDirectory directory_;
};

TEST_F(BadVariant, RotaryPositionsAreRefusedByFileAndKey) {
  EXPECT_EQ(rope_message({{"rope_type", "linear"}, {"factor", 2}}), "no error");
  for (const char* type : {"linear", "dynamic", "yarn", "llama3"}) {
    const json whole = {{"rope_type", type}, {"factor", -1}, {"low_freq_factor", 1}, {"high_freq_factor", 4}};
    EXPECT_THAT(rope_message(whole), HasSubstr("config.json: \"factor\" of the rotary positions is -1; it must be more than 0"));
    json without = whole;
    without.erase("factor");
    EXPECT_THAT(rope_message(without), HasSubstr("config.json: \"rope_parameters\": the key \"factor\" is missing"));
  }
  EXPECT_THAT(rope_message({{"rope_type", "default"}, {"factor", -1}}), HasSubstr("config.json: \"factor\" of the rotary positions is -1"));
  const json llama3 = {{"rope_type", "llama3"}, {"factor", 2}, {"low_freq_factor", 1}, {"high_freq_factor", 4}};
  const auto with = [](json parameters, const json& changes) {
    parameters.merge_patch(changes);
    return parameters;
  };
  EXPECT_THAT(rope_message(with(llama3, {{"rope_theta", -5}})), HasSubstr("config.json: \"rope_theta\" of the rotary positions is -5"));
  EXPECT_THAT(rope_message(with(llama3, {{"low_freq_factor", -1}})), HasSubstr("\"low_freq_factor\" of the rotary positions is -1"));
  EXPECT_THAT(rope_message(with(llama3, {{"high_freq_factor", 1}})), HasSubstr("\"high_freq_factor\" of the rotary positions is 1"));
  EXPECT_THAT(rope_message(with(llama3, {{"high_freq_factor", nullptr}})), HasSubstr("the key \"high_freq_factor\" is missing"));
  EXPECT_THAT(rope_message(with(llama3, {{"original_max_position_embeddings", 0}})), HasSubstr("\"original_max_position_embeddings\""));
  const json yarn = {{"rope_type", "yarn"}, {"factor", 2}};
  EXPECT_THAT(rope_message(with(yarn, {{"beta_fast", -1}})), HasSubstr("\"beta_fast\" of the rotary positions is -1"));
  EXPECT_THAT(rope_message(with(yarn, {{"attention_factor", 0}})), HasSubstr("\"attention_factor\" is 0"));
  EXPECT_THAT(rope_message(with(yarn, {{"mscale", -100}, {"mscale_all_dim", 1}})), HasSubstr("\"mscale\""));
  EXPECT_THAT(rope_message(with(yarn, {{"partial_rotary_factor", 0.5}})), HasSubstr("\"partial_rotary_factor\" is 0.5"));
  EXPECT_THAT(rope_message({{"rope_type", "longrope"}}), HasSubstr("the key \"short_factor\" is missing"));
  const json longrope = {{"rope_type", "longrope"}, {"short_factor", {1, 2}}, {"long_factor", {1, 2}}};
  EXPECT_THAT(rope_message(with(longrope, {{"long_factor", {1, 2, 3}}})), HasSubstr("\"long_factor\" 3; heads have 2 pairs that turn"));
  EXPECT_THAT(rope_message(with(longrope, {{"long_factor", {1, -2}}})), HasSubstr("\"long_factor\" of the rotary positions is -2"));
  EXPECT_THAT(rope_message(with(longrope, {{"short_factor", "1"}})), HasSubstr("a list of numbers was expected"));
  EXPECT_THAT(rope_message({{"rope_type", "proportional"}}), HasSubstr("\"rope_type\" is \"proportional\"; there are default, linear"));
}

TEST_F(BadVariant, WhatIsNotSupportedIsNamed) {
  const auto set = [](const char* key, const json& value) { return [=](json& config) { config[key] = value; }; };
  EXPECT_THAT(message("causal_models/llama", set("head_dim", 8)), HasSubstr("q_proj.weight\" is ["));
  EXPECT_THAT(message("causal_models/llama", set("model_type", "mistral")),
              HasSubstr("\"model_type\" is \"mistral\", but \"architectures\""));
  EXPECT_THAT(message("causal_models/llama", set("attention_bias", true)),
              HasSubstr("has no tensor \"model.layers.{0-1}.self_attn.q_proj.bias\""));
  EXPECT_THAT(message("models/marian_post_norm", set("share_encoder_decoder_embeddings", false)),
              HasSubstr("\"share_encoder_decoder_embeddings\""));
  EXPECT_THAT(message("models/marian_post_norm", set("tie_word_embeddings", false)), HasSubstr("has no tensor \"lm_head.weight\""));
  EXPECT_THAT(message("models/pegasus_pre_norm", set("tie_word_embeddings", false)), HasSubstr("has no tensor \"lm_head.weight\""));
  EXPECT_THAT(message("causal_models/mistral", set("sliding_window", 0)), HasSubstr("\"sliding_window\" is 0; null stands for no window"));
  EXPECT_THAT(message("causal_models/gpt2", set("num_attention_heads", 2)), HasSubstr("\"n_head\" is 4, \"num_attention_heads\" is 2"));
  EXPECT_THAT(message("encoder_models/masked_lm", set("architectures", {"BertForDreaming"})),
              HasSubstr("is not supported; of the type \"bert\" there are BertForMaskedLM, "));
  EXPECT_THAT(message("causal_models/llama",
                      [](json& config) {
                        config["architectures"] = {"GptOssForCausalLM"};
                        config["model_type"] = "gpt_oss";
                      }),
              HasSubstr("models of the type \"gpt_oss\" have layers of experts and attention sinks, which are not supported"));
  EXPECT_THAT(message("causal_models/bloom", [](json& config) { config["pretraining_tp"] = 2, config["slow_but_exact"] = true; }),
              HasSubstr("\"slow_but_exact\" is true, which asks for linear layers in slices, without their biases"));
  EXPECT_THAT(message("causal_models/llama", set("quantization_config", {{"quant_method", "gptq"}})), HasSubstr("\"quantization_config\""));
  EXPECT_THAT(message("causal_models/llama", set("hidden_act", std::string(1'000'000, 'x'))), HasSubstr("the activation \"xxx"));
  EXPECT_THAT(message("causal_models/llama", set("hidden_size", std::string(1'000'000, 'x'))), HasSubstr("\"hidden_size\" is \"xxx"));
}

// The network has a single embedding, so different embeddings of the sides are refused, tied or not.
TEST_F(BadVariant, EmbeddingsOfTheSidesThatDifferAreRefused) {
  for (const bool tied : {true, false}) {
    json config = json::parse(read_file(kGoldens / "models/marian_post_norm/config.json"));
    config["tie_word_embeddings"] = tied;
    std::ofstream(directory_ / "config.json") << config;
    RawTensors tensors(kGoldens / "models/marian_post_norm/model.safetensors");
    if (!tied) tensors.edit({"wave", "lm_head.weight", {48, 24}});
    tensors.edit({"copy", "model.shared.weight", "model.encoder.embed_tokens.weight"});
    tensors.edit({"wave", "model.decoder.embed_tokens.weight", {48, 24}});
    tensors.save(directory_ / "model.safetensors");
    try {
      load_model(directory_.path());
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr("\"model."), HasSubstr(".embed_tokens.weight\" differs from \"model.")));
      EXPECT_EQ(std::string(error.what()).ends_with("(\"tie_word_embeddings\" is false)"), !tied);
    }
  }
}

TEST_F(BadVariant, InfinityOpensUnlessItIsUsed) {
  const auto nothing = [](json&) {};
  EXPECT_EQ(message("causal_models/llama", nothing, "\"time_step_limit\": [0.0, Infinity],"), "no error");
  EXPECT_THAT(message(
                  "causal_models/llama", [](json& config) { config.erase("rms_norm_eps"); }, "\"rms_norm_eps\": Infinity,"),
              HasSubstr("\"rms_norm_eps\" is no finite number; a number was expected"));
  EXPECT_THAT(message("causal_models/llama", nothing, "\"hidden_size\": 16,"), HasSubstr("config.json has the key \"hidden_size\" twice"));
}

// Opens a config.json that only names its class.
TEST(ModelDefaults, AreThoseOfTheClass) {
  const json goldens = json::parse(read_file(kGoldens / "model_variants/defaults.json"));
  const TemporaryDirectory directory;
  for (const auto& [name, config_class] : std::map<std::string, std::string>{{"MarianMTModel", "Marian"},
                                                                             {"PegasusForConditionalGeneration", "Pegasus"},
                                                                             {"T5ForConditionalGeneration", "T5"},
                                                                             {"MT5ForConditionalGeneration", "MT5"},
                                                                             {"UMT5ForConditionalGeneration", "UMT5"},
                                                                             {"BartForConditionalGeneration", "Bart"},
                                                                             {"MBartForConditionalGeneration", "MBart"},
                                                                             {"M2M100ForConditionalGeneration", "M2M100"},
                                                                             {"GPT2LMHeadModel", "GPT2"},
                                                                             {"LlamaForCausalLM", "Llama"},
                                                                             {"MistralForCausalLM", "Mistral"},
                                                                             {"MinistralForCausalLM", "Ministral"},
                                                                             {"GemmaForCausalLM", "Gemma"},
                                                                             {"Gemma2ForCausalLM", "Gemma2"},
                                                                             {"Gemma3ForCausalLM", "Gemma3Text"},
                                                                             {"Phi3ForCausalLM", "Phi3"},
                                                                             {"SmolLM3ForCausalLM", "SmolLM3"},
                                                                             {"GraniteForCausalLM", "Granite"},
                                                                             {"HunYuanDenseV1ForCausalLM", "HunYuanDenseV1"},
                                                                             {"Olmo2ForCausalLM", "Olmo2"},
                                                                             {"Olmo3ForCausalLM", "Olmo3"},
                                                                             {"GPTNeoXForCausalLM", "GPTNeoX"},
                                                                             {"PhiForCausalLM", "Phi"},
                                                                             {"GPTJForCausalLM", "GPTJ"},
                                                                             {"OPTForCausalLM", "OPT"},
                                                                             {"Starcoder2ForCausalLM", "Starcoder2"},
                                                                             {"GPTBigCodeForCausalLM", "GPTBigCode"},
                                                                             {"FalconForCausalLM", "Falcon"},
                                                                             {"MptForCausalLM", "Mpt"},
                                                                             {"BloomForCausalLM", "Bloom"},
                                                                             {"StableLmForCausalLM", "StableLm"},
                                                                             {"Cohere2ForCausalLM", "Cohere2"},
                                                                             {"Exaone4ForCausalLM", "Exaone4"},
                                                                             {"Glm4ForCausalLM", "Glm4"},
                                                                             {"ApertusForCausalLM", "Apertus"},
                                                                             {"Ministral3ForCausalLM", "Ministral3"},
                                                                             {"BertForMaskedLM", "Bert"},
                                                                             {"BertForSequenceClassification", "Bert"}}) {
    std::ofstream(directory / "config.json") << json{{"architectures", {name}}};
    const ConfigReader in(directory / "config.json");
    const Architecture& architecture = find_architecture(in);
    const TransformerConfig config = architecture.read_config(in);
    nlohmann::ordered_json written;
    architecture.write_config(config, written);
    int compared = 0;
    for (const auto& [key, value] : goldens[config_class].items()) {
      if (!written.contains(key) || value.is_null()) continue;  // null: derived from another key
      if (key.ends_with("_layerdrop")) continue;                // leaves out layers in training, which qkv never does
      if (key == "use_cache") continue;                         // of transformers' own decoding
      if (value == "gelu_pytorch_tanh") {
        EXPECT_EQ(written[key], "gelu_new") << name << " " << key;  // one function
      } else if (value.is_number_float()) {
        EXPECT_FLOAT_EQ(written[key].get<float>(), value.get<float>()) << name << " " << key;
      } else {
        EXPECT_EQ(json(written[key]), value) << name << " " << key;
      }
      ++compared;
    }
    EXPECT_GE(compared, 9) << name;
    const json& golden = goldens[config_class];
    const json eos = golden["eos_token_id"].is_number() ? json::array({golden["eos_token_id"]}) : golden["eos_token_id"];
    if (!eos.is_null()) {
      EXPECT_EQ(json(config.eos_token_ids), eos) << name;
    }
    if (config.kind == Kind::decoder_only) {
      EXPECT_EQ(config.decoder_start_token_id, golden["bos_token_id"].is_null() ? json(-1) : golden["bos_token_id"]) << name;
    } else if (!golden["pad_token_id"].is_null()) {
      EXPECT_EQ(config.pad_token_id, golden["pad_token_id"]) << name;
    }
  }
}

}  // namespace
}  // namespace qkv
