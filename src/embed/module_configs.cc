#include "embed/module_configs.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <limits>

#include "base/error.h"
#include "base/files.h"
#include "formats/json.h"
#include "formats/json_file.h"
#include "formats/json_node.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;

struct ModeName {
  PoolingMode mode;
  const char* name;
  const char* old_key;  // a boolean in files before sentence-transformers 6
};
// In the order in which results of several modes are concatenated by the old keys.
constexpr std::array<ModeName, 6> kModes = {{
    {PoolingMode::cls, "cls", "pooling_mode_cls_token"},
    {PoolingMode::max, "max", "pooling_mode_max_tokens"},
    {PoolingMode::mean, "mean", "pooling_mode_mean_tokens"},
    {PoolingMode::mean_sqrt_len_tokens, "mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens"},
    {PoolingMode::weightedmean, "weightedmean", "pooling_mode_weightedmean_tokens"},
    {PoolingMode::lasttoken, "lasttoken", "pooling_mode_lasttoken"},
}};

// Refuses keys that are neither null nor in the list: whoever wrote them means something by them.
void check_keys(const JsonNode& config, std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : config.value().items()) {
    if (value.is_null() || std::find(known.begin(), known.end(), key) != known.end()) continue;
    fail(ErrorCode::unsupported, "{}: \"{}\" is not supported", config.file(), shortened(key, 60));
  }
}

void expect_text(const JsonNode& config, const std::string& key, std::string_view wanted) {
  const auto found = config.find(key);
  if (found && found->string() != wanted) {
    found->fail_unsupported(fmt::format("is \"{}\"; only \"{}\" is supported", shortened(found->string(), 60), wanted));
  }
}

int64_t positive(const JsonNode& number) {
  const int64_t value = number.integer();
  if (value < 1 || value > std::numeric_limits<int32_t>::max()) number.fail(fmt::format("is {}; it must be at least 1", value));
  return value;
}

PoolingMode mode_of(const JsonNode& name) {
  const std::string text = name.string();
  for (const ModeName& mode : kModes) {
    if (mode.name == text) return mode.mode;
  }
  name.fail_unsupported(fmt::format("\"{}\" is not supported; there are cls, max, mean, mean_sqrt_len_tokens, weightedmean and lasttoken",
                                    shortened(text, 60)));
}

std::vector<PoolingMode> modes_of(const JsonNode& config) {
  std::vector<PoolingMode> modes;
  if (const auto named = config.find("pooling_mode")) {
    if (!named->value().is_array()) return {mode_of(*named)};
    for (const JsonNode& item : named->items()) modes.push_back(mode_of(item));
    if (modes.empty()) named->fail("is empty");
    return modes;
  }
  for (const ModeName& mode : kModes) {
    if (config.boolean_or(mode.old_key, false)) modes.push_back(mode.mode);
  }
  return modes.empty() ? std::vector{PoolingMode::mean} : modes;
}

Activation activation_of(const JsonNode& config) {
  const auto found = config.find("activation_function");
  if (!found) return Activation::tanh;
  constexpr std::array<std::pair<const char*, Activation>, 6> kActivations = {{
      {"Tanh", Activation::tanh},
      {"Identity", Activation::none},
      {"ReLU", Activation::relu},
      {"GELU", Activation::gelu},
      {"SiLU", Activation::silu},
      {"Sigmoid", Activation::sigmoid},
  }};
  const std::string name = found->string();
  for (const auto& [last, activation] : kActivations) {
    if (name.starts_with("torch.nn.") && name.substr(name.rfind('.') + 1) == last) return activation;
  }
  found->fail_unsupported(
      fmt::format("\"{}\" is not supported; there are Tanh, Identity, ReLU, GELU, SiLU and Sigmoid of torch.nn", shortened(name, 100)));
}

// Settings of loading that change no result, or are empty.
void check_loading_options(const JsonNode& config, const std::string& key) {
  const auto options = config.find(key);
  if (!options) return;
  if (!options->value().is_object()) options->fail("must be an object");
  check_keys(*options, {"trust_remote_code", "attn_implementation", "torch_dtype", "dtype", "padding_side", "model_max_length",
                        "add_pooling_layer", "use_fast", "unpad_inputs", "use_memory_efficient_attention"});
}

fs::path transformer_config(const fs::path& directory) {
  for (const char* kind : {"bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet"}) {
    const fs::path file = directory / fmt::format("sentence_{}_config.json", kind);
    if (is_there(file)) return file;
  }
  return {};
}

// Token vectors must be the model's last hidden states of texts.
void check_output(const JsonNode& config) {
  expect_text(config, "transformer_task", "feature-extraction");
  expect_text(config, "module_output_name", "token_embeddings");
  const auto inputs = config.find("modality_config");
  if (!inputs) return;
  const auto text = inputs->find("text");
  if (!text) inputs->fail_unsupported("has no \"text\"; only models of texts are supported");
  expect_text(*text, "method", "forward");
  expect_text(*text, "method_output_name", "last_hidden_state");
}

// transformers writes 10^30 where a tokenizer has no limit.
int64_t length_limit(const JsonNode& config) {
  const auto found = config.find("model_max_length");
  if (!found || !found->value().is_number()) return 0;
  const auto value = found->value().get<double>();
  if (value < 1) found->fail("must be at least 1");
  return value > std::numeric_limits<int32_t>::max() ? 0 : static_cast<int64_t>(value);
}

void read_tokenizer_limits(const fs::path& directory, SentenceDescription& result) {
  const fs::path file = directory / "tokenizer_config.json";
  if (!is_there(file)) return;
  const nlohmann::json json = read_json_object(file);
  const JsonNode config(json, file.string());
  if (result.max_tokens == 0) result.max_tokens = length_limit(config);
  const std::string side = config.string_or("truncation_side", "right");
  if (side != "left" && side != "right") config.at("truncation_side").fail("must be \"left\" or \"right\"");
  result.keep_end = side == "left";
}

}  // namespace

const char* pooling_name(PoolingMode mode) {
  for (const ModeName& each : kModes) {
    if (each.mode == mode) return each.name;
  }
  return "automatic";
}

PoolingModule read_pooling(const fs::path& directory) {
  const fs::path file = directory / "config.json";
  const nlohmann::json json = read_json_object(file);
  const JsonNode config(json, file.string());
  check_keys(config, {"word_embedding_dimension", "embedding_dimension", "pooling_mode", "include_prompt", "pooling_mode_cls_token",
                      "pooling_mode_max_tokens", "pooling_mode_mean_tokens", "pooling_mode_mean_sqrt_len_tokens",
                      "pooling_mode_weightedmean_tokens", "pooling_mode_lasttoken"});
  PoolingModule result{.modes = modes_of(config), .include_prompt = config.boolean_or("include_prompt", true)};
  for (const char* key : {"word_embedding_dimension", "embedding_dimension"}) {
    if (const auto size = config.find(key)) result.size = positive(*size);
  }
  return result;
}

DenseModule read_dense(const fs::path& directory) {
  const fs::path file = directory / "config.json";
  const nlohmann::json json = read_json_object(file);
  const JsonNode config(json, file.string());
  check_keys(config,
             {"in_features", "out_features", "bias", "activation_function", "module_input_name", "module_output_name", "use_residual"});
  expect_text(config, "module_input_name", "sentence_embedding");
  expect_text(config, "module_output_name", "sentence_embedding");
  if (config.boolean_or("use_residual", false)) config.at("use_residual").fail_unsupported("is true; only false is supported");
  return {.directory = directory,
          .in = positive(config.at("in_features")),
          .out = positive(config.at("out_features")),
          .bias = config.boolean_or("bias", true),
          .activation = activation_of(config)};
}

LayerNormModule read_layer_norm(const fs::path& directory) {
  const fs::path file = directory / "config.json";
  const nlohmann::json json = read_json_object(file);
  const JsonNode config(json, file.string());
  check_keys(config, {"dimension"});
  return {.directory = directory, .size = positive(config.at("dimension"))};
}

// The directory has no file in models of older versions.
NormalizeModule read_normalize(const fs::path& directory) {
  const fs::path file = directory / "config.json";
  if (!is_there(file)) return {};
  const nlohmann::json json = read_json_object(file);
  const JsonNode config(json, file.string());
  check_keys(config, {"module_input_name", "module_output_name"});
  expect_text(config, "module_input_name", "sentence_embedding");
  expect_text(config, "module_output_name", "sentence_embedding");
  return {};
}

void read_transformer(const fs::path& directory, SentenceDescription& result) {
  const fs::path file = transformer_config(directory);
  if (!file.empty()) {
    const nlohmann::json json = read_json_object(file);
    const JsonNode config(json, file.string());
    check_keys(config, {"max_seq_length", "do_lower_case", "transformer_task", "module_output_name", "modality_config", "model_args",
                        "model_kwargs", "tokenizer_args", "processor_kwargs", "config_args", "config_kwargs", "unpad_inputs"});
    check_output(config);
    for (const char* key : {"model_args", "model_kwargs", "tokenizer_args", "processor_kwargs", "config_args", "config_kwargs"})
      check_loading_options(config, key);
    if (const auto longest = config.find("max_seq_length")) result.max_tokens = positive(*longest);
    for (const char* key : {"tokenizer_args", "processor_kwargs"}) {
      const auto options = config.find(key);
      if (options && options->find("model_max_length")) result.max_tokens = length_limit(*options);
    }
    result.lower_case = config.boolean_or("do_lower_case", false);
  }
  read_tokenizer_limits(directory, result);
}

}  // namespace qkv
