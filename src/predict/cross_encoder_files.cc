#include "predict/cross_encoder_files.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/files.h"
#include "formats/json.h"
#include "formats/json_file.h"
#include "formats/json_node.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;

int32_t token_of(const JsonNode& value) {
  const int64_t id = value.integer();
  if (id < 0 || id > INT32_MAX) value.fail("is no id of a token");
  return static_cast<int32_t>(id);
}

// The name of the function after the logits; empty: not said.
std::string activation_of(const fs::path& directory) {
  for (const char* name : {"config_sentence_transformers.json", "config.json"}) {
    if (!is_file(directory / name)) continue;
    const nlohmann::json json = read_json_object(directory / name);
    const JsonNode config(json, (directory / name).string());
    const auto nested = config.find("sentence_transformers");
    for (const auto& place : {nested, std::optional(config)}) {  // of two places, that of the newer files counts
      if (!place || !place->value().is_object()) continue;
      for (const char* key : {"activation_fn", "sbert_ce_default_activation_function"}) {
        if (const auto value = place->find(key)) return value->string();
      }
    }
  }
  return "";
}

// The variables of the chat template; sizes are the model's own.
void read_template_options(const JsonNode& options, PairFormat& format) {
  if (!options.value().is_object()) options.fail("must be an object");
  nlohmann::ordered_json variables = nlohmann::ordered_json::object();
  for (const auto& [key, value] : options.value().items()) {
    constexpr std::array kSizes = {"max_length", "padding", "restore_suffix", "truncation", "chat_template", "continue_final_message"};
    if (std::find(kSizes.begin(), kSizes.end(), key) != kSizes.end()) options.at(key).fail_unsupported("is not supported");
    if (key == "add_generation_prompt")
      format.add_generation_prompt = options.at(key).boolean();
    else
      variables[key] = value;
  }
  if (!variables.empty()) format.variables = variables.dump();
}

void read_default_prompt(const fs::path& file, PairFormat& format) {
  if (!is_file(file)) return;
  const nlohmann::json json = read_json_object(file);
  const JsonNode config(json, file.string());
  const auto name = config.find("default_prompt_name");
  if (!name) return;
  const auto prompts = config.find("prompts");
  const auto prompt = prompts && prompts->value().is_object() ? prompts->find(name->string()) : std::nullopt;
  if (!prompt) name->fail(fmt::format("is \"{}\", which is none of the prompts", shortened(name->string(), 60)));
  format.prompt = prompt->string();
}

}  // namespace

std::optional<LogitScoreModule> read_logit_score(const fs::path& directory) {
  const fs::path file = directory / "modules.json";
  if (!is_file(file)) return std::nullopt;
  const nlohmann::json json = parse_json(read_file(file), file.string());
  const std::vector<JsonNode> items = JsonNode(json, file.string()).items();
  const bool fits = items.size() == 2 && items[0].type().ends_with(".Transformer") && items[1].type().ends_with(".LogitScore");
  if (!fits) {
    fail(ErrorCode::unsupported, "{}: only a Transformer and a LogitScore of sentence_transformers are supported in a reranker",
         file.string());
  }
  const JsonNode path = items[1].at("path");
  const fs::path inside(path.string());
  if (inside.is_absolute() || inside.has_parent_path() || inside == ".." || path.string().find('\0') != std::string::npos) {
    path.fail("must name a directory of the model");
  }
  const nlohmann::json settings = read_json_object(directory / inside / "config.json");
  const JsonNode config(settings, (directory / inside / "config.json").string());
  LogitScoreModule module{.true_token = token_of(config.at("true_token_id"))};
  if (const auto other = config.find("false_token_id")) module.false_token = token_of(*other);
  return module;
}

PairFormat read_pair_format(const fs::path& directory) {
  PairFormat format;
  read_default_prompt(directory / "config_sentence_transformers.json", format);
  const fs::path file = directory / "sentence_bert_config.json";
  if (!is_file(file)) return format;
  const nlohmann::json json = read_json_object(file);
  const JsonNode config(json, file.string());
  if (const auto inputs = config.find("modality_config")) {
    const auto messages = inputs->find("message");
    format.form = messages ? PairFormat::Form::messages : PairFormat::Form::texts;
    const std::string parts = messages ? messages->string_or("format", "auto") : "auto";
    if (parts != "auto") format.parts = parts == "structured";
  }
  if (const auto kinds = config.find("processing_kwargs")) {
    if (const auto options = kinds->find("chat_template")) read_template_options(*options, format);
  }
  return format;
}

std::optional<bool> scores_by_sigmoid(const fs::path& directory) {
  const std::string name = activation_of(directory);
  if (name.empty()) return std::nullopt;
  if (name.ends_with(".Sigmoid")) return true;
  if (name.ends_with(".Identity")) return false;
  fail(ErrorCode::unsupported, "{}: the function after the logits is \"{}\"; there are Sigmoid and Identity", directory.string(),
       shortened(name, 100));
}

}  // namespace qkv
