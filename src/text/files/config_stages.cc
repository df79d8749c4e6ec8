#include "text/files/config_stages.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

namespace qkv {
namespace {

using nlohmann::json;

constexpr std::string_view kBertClasses[] = {"BertTokenizer",   "DistilBertTokenizer", "ElectraTokenizer", "MobileBertTokenizer",
                                             "LxmertTokenizer", "MPNetTokenizer",      "FunnelTokenizer",  "SplinterTokenizer"};
constexpr std::string_view kByteLevelClasses[] = {"GPT2Tokenizer",       "RobertaTokenizer", "BartTokenizer",
                                                  "LongformerTokenizer", "LEDTokenizer",     "CodeGenTokenizer",
                                                  "BlenderbotTokenizer", "DebertaTokenizer", "Qwen2Tokenizer"};

template <size_t count>
bool is_one_of(const std::string& name, const std::string_view (&names)[count]) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool set(json& object, const char* key, const json& value) {
  if (object.value(key, json()) == value) return false;
  object[key] = value;
  return true;
}

bool has_type(const json& stage, const char* type) { return stage.is_object() && stage.value("type", json()) == type; }

// Calls change(stage) for a stage and those of a sequence; true: one of them was changed.
template <typename Change>
bool change_stages(json& document, const char* name, const char* list, Change&& change) {
  const auto stage = document.find(name);
  if (stage == document.end() || !stage->is_object()) return false;
  bool changed = change(*stage);
  if (const auto stages = stage->find(list); has_type(*stage, "Sequence") && stages != stage->end() && stages->is_array()) {
    for (json& each : *stages) changed = change(each) || changed;
  }
  return changed;
}

bool apply_to_bert(const TokenizerConfig& config, json& document) {
  const auto stated = [&](const char* key) { return config.names_class() || config.has_flag(key); };
  return change_stages(document, "normalizer", "normalizers", [&](json& stage) {
    if (!has_type(stage, "BertNormalizer")) return false;
    bool changed = false;
    if (stated("do_lower_case")) changed = set(stage, "lowercase", config.flag("do_lower_case", true)) || changed;
    if (stated("tokenize_chinese_chars"))
      changed = set(stage, "handle_chinese_chars", config.flag("tokenize_chinese_chars", true)) || changed;
    if (stated("strip_accents")) {
      const json strip = config.has_flag("strip_accents") ? json(config.flag("strip_accents", false)) : json();
      changed = set(stage, "strip_accents", strip) || changed;
    }
    return changed;
  });
}

bool apply_to_byte_level(const TokenizerConfig& config, json& document) {
  if (!config.has_flag("add_prefix_space")) return false;
  const auto change = [&](json& stage) {
    const bool has_it = has_type(stage, "ByteLevel") || has_type(stage, "RobertaProcessing");
    return has_it && set(stage, "add_prefix_space", config.flag("add_prefix_space", false));
  };
  const bool changed = change_stages(document, "pre_tokenizer", "pretokenizers", change);
  if (changed) change_stages(document, "post_processor", "processors", change);
  return changed;
}

}  // namespace

bool apply_config(const TokenizerConfig& config, json& document) {
  if (!document.is_object()) return false;
  if (is_one_of(config.tokenizer_class(), kBertClasses)) return apply_to_bert(config, document);
  if (is_one_of(config.tokenizer_class(), kByteLevelClasses)) return apply_to_byte_level(config, document);
  return false;
}

}  // namespace qkv
