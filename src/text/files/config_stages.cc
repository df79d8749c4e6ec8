#include "text/files/config_stages.h"

#include <algorithm>
#include <string_view>

#include "base/log.h"
#include "formats/json.h"
#include "text/files/token_limits.h"
#include "text/files/token_models_json.h"
#include "text/files/tokenizer_text.h"
#include "text/token_models/sentencepiece_symbols.h"

namespace qkv {
namespace {

using nlohmann::json;

constexpr std::string_view kBertClasses[] = {"BertTokenizer",   "DistilBertTokenizer", "ElectraTokenizer", "MobileBertTokenizer",
                                             "LxmertTokenizer", "MPNetTokenizer",      "FunnelTokenizer",  "SplinterTokenizer"};
constexpr std::string_view kOtherTemplates[] = {"LxmertTokenizer", "MPNetTokenizer", "FunnelTokenizer", "SplinterTokenizer"};
constexpr std::string_view kByteLevelClasses[] = {"GPT2Tokenizer",       "RobertaTokenizer", "BartTokenizer",
                                                  "LongformerTokenizer", "LEDTokenizer",     "CodeGenTokenizer",
                                                  "BlenderbotTokenizer", "DebertaTokenizer", "Qwen2Tokenizer"};

template <size_t count>
bool is_one_of(const std::string& name, const std::string_view (&names)[count]) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool has_type(const json& stage, const char* type) { return stage.is_object() && stage.value("type", json()) == type; }

// A document while the stages of a class are applied to it.
class ClassStages {
 public:
  ClassStages(const TokenizerConfig& config, json& document, const std::string& file)
      : config_(config), document_(document), model_(document["model"]), file_(file) {}

  bool apply() {
    if (!model_.is_object() || model_.contains("sentencepiece")) return false;
    const std::string& name = config_.tokenizer_class();
    if (is_one_of(name, kBertClasses) && model_is("WordPiece")) bert();
    if (is_one_of(name, kByteLevelClasses) && model_is("BPE")) byte_level();
    if ((name == "LlamaTokenizer" || name == "CodeLlamaTokenizer") && model_is("BPE")) llama(name == "CodeLlamaTokenizer");
    if (name == "GemmaTokenizer" && model_is("BPE")) gemma();
    if (name == "T5Tokenizer" && model_is("Unigram")) t5();
    return changed_;
  }

 private:
  bool model_is(const char* type) const {
    const JsonNode node(model_, file_, "model");
    return node.string_or("type", type_by_fields(node)) == type;
  }
  void set(json& object, const char* key, const json& value) {
    if (object.value(key, json()) == value) return;
    object[key] = value;
    changed_ = true;
  }
  void set_stage(const char* key, const json& value) { set(document_, key, value); }

  void bert();
  void byte_level();
  void llama(bool code);
  void gemma();
  void t5();

  int32_t id_of(const std::string& token) const;
  bool names_byte_level() const;
  template <typename Change>
  bool change_stages(const char* name, const char* list, Change&& change);
  void set_template(const std::vector<SpecialId>& before, const std::vector<SpecialId>& behind, bool types);
  void set_pairs(const json& unknown);
  void warn_of_own_stages(const std::string& stage) const;

  const TokenizerConfig& config_;
  json& document_;
  json& model_;
  const std::string& file_;
  bool changed_ = false;
};

// The id of a token of the vocabulary or an added token; -1 if there is none.
int32_t ClassStages::id_of(const std::string& token) const {
  if (const auto added = document_.find("added_tokens"); added != document_.end() && added->is_array()) {
    for (const json& each : *added) {
      if (each.is_object() && each.value("content", json()) == token && each.value("id", json()).is_number_integer())
        return each["id"].get<int32_t>();
    }
  }
  const json vocab = model_.value("vocab", json());  // only a small vocabulary is present as JSON
  if (vocab.is_object() && vocab.contains(token) && vocab[token].is_number_integer()) return vocab[token].get<int32_t>();
  return -1;
}

// Calls change(stage) for a stage and the members of a sequence; returns true if one of them was changed.
template <typename Change>
bool ClassStages::change_stages(const char* name, const char* list, Change&& change) {
  const auto stage = document_.find(name);
  if (stage == document_.end() || !stage->is_object()) return false;
  const bool before = std::exchange(changed_, false);
  change(*stage);
  if (const auto stages = stage->find(list); has_type(*stage, "Sequence") && stages != stage->end() && stages->is_array()) {
    for (json& each : *stages) change(each);
  }
  const bool changed = std::exchange(changed_, before || changed_);
  return changed;
}

void ClassStages::set_template(const std::vector<SpecialId>& before, const std::vector<SpecialId>& behind, bool types) {
  json value = make_template(before, behind);
  if (!types) {
    for (json& part : value["pair"]) part.begin().value()["type_id"] = 0;
  }
  set_stage("post_processor", value);
}

// Sets the members of a BPE model that fuses unknown characters and falls back to bytes.
void ClassStages::set_pairs(const json& unknown) {
  set(model_, "unk_token", unknown);
  set(model_, "fuse_unk", true);
  set(model_, "byte_fallback", true);
  set(model_, "dropout", nullptr);
}

void ClassStages::bert() {
  const json strip = config_.has_flag("strip_accents") ? json(config_.flag("strip_accents", false)) : json();
  set_stage("normalizer", {{"type", "BertNormalizer"},
                           {"clean_text", true},
                           {"handle_chinese_chars", config_.flag("tokenize_chinese_chars", true)},
                           {"strip_accents", strip},
                           {"lowercase", config_.flag("do_lower_case", true)}});
  if (is_one_of(config_.tokenizer_class(), kOtherTemplates)) return;
  set_stage("pre_tokenizer", {{"type", "BertPreTokenizer"}});
  set_stage("decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}});
  set(model_, "unk_token", config_.token("unk_token", "[UNK]"));
  const SpecialId begin{config_.token("cls_token", "[CLS]"), id_of(config_.token("cls_token", "[CLS]"))};
  const SpecialId end{config_.token("sep_token", "[SEP]"), id_of(config_.token("sep_token", "[SEP]"))};
  if (begin.id >= 0 && end.id >= 0) set_template({begin}, {end}, true);
}

void ClassStages::warn_of_own_stages(const std::string& stage) const {
  log_warning("{}: transformers 5 reads it as a {}, whose \"{}\" is another one than the file's; the file's is followed", file_,
              config_.tokenizer_class(), stage);
}

void ClassStages::byte_level() {
  const json none, normalizer = document_.value("normalizer", json()), cut = document_.value("pre_tokenizer", json());
  if (config_.tokenizer_class() == "Qwen2Tokenizer") {
    if (!has_type(normalizer, "NFC")) warn_of_own_stages("normalizer");
  } else {
    if (!normalizer.is_null()) warn_of_own_stages("normalizer");
    if (!has_type(cut, "ByteLevel") || cut.value("use_regex", json(true)) != true) warn_of_own_stages("pre_tokenizer");
  }
  if (!config_.has_flag("add_prefix_space")) return;
  const auto change = [&](json& stage) {
    if (has_type(stage, "ByteLevel") || has_type(stage, "RobertaProcessing"))
      set(stage, "add_prefix_space", config_.flag("add_prefix_space", false));
  };
  if (change_stages("pre_tokenizer", "pretokenizers", change)) change_stages("post_processor", "processors", change);
}

// True for byte-level files that name this class (Llama 3); they are read unchanged.
bool ClassStages::names_byte_level() const {
  for (const char* stage : {"normalizer", "pre_tokenizer", "decoder", "post_processor"}) {
    if (document_.value(stage, json()).dump().find("\"ByteLevel\"") != std::string::npos) return true;
  }
  return false;
}

json replace(std::string_view from, std::string_view by) { return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", by}}; }

json metaspace(const char* scheme, bool split) {
  return {{"type", "Metaspace"}, {"replacement", kSpaceSymbol}, {"prepend_scheme", scheme}, {"split", split}};
}

void ClassStages::llama(bool code) {
  if (!code && names_byte_level()) return;
  const bool prefix = config_.flag("add_prefix_space", true), legacy = !code && config_.flag("legacy", false);
  set_stage("normalizer", nullptr);
  set_stage("pre_tokenizer", metaspace(!prefix ? "never" : legacy ? "always" : "first", false));
  json decoders = {replace(kSpaceSymbol, " "), {{"type", "ByteFallback"}}, {{"type", "Fuse"}}};
  if (prefix || code) decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  set_stage("decoder", {{"type", "Sequence"}, {"decoders", decoders}});
  set_pairs(code ? json(config_.token("unk_token", "<unk>")) : json());
}

void ClassStages::gemma() {
  set_stage("normalizer", replace(" ", kSpaceSymbol));
  set_stage("pre_tokenizer", {{"type", "Split"}, {"pattern", {{"String", " "}}}, {"behavior", "MergedWithPrevious"}, {"invert", false}});
  set_stage("decoder", {{"type", "Sequence"}, {"decoders", {replace(kSpaceSymbol, " "), {{"type", "ByteFallback"}}, {{"type", "Fuse"}}}}});
  set_pairs(config_.token("unk_token", "<unk>"));
}

void ClassStages::t5() {
  json map;
  const json normalizer = document_.value("normalizer", json());
  for (const json& each : has_type(normalizer, "Sequence") ? normalizer.value("normalizers", json::array()) : json{normalizer}) {
    if (map.is_null() && has_type(each, "Precompiled")) map = each;
  }
  set_stage("normalizer", map);
  set_stage("pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", {{{"type", "WhitespaceSplit"}}, metaspace("always", true)}}});
  set_stage("decoder", metaspace("always", true));
  set(model_, "unk_id", 2);
  set(model_, "byte_fallback", false);
  const SpecialId end{"</s>", id_of(config_.token("eos_token", "</s>"))};
  if (end.id >= 0) set_template({}, {end}, false);
}

}  // namespace

bool apply_config(const TokenizerConfig& config, json& document, const std::string& file) {
  if (!document.is_object() || !document.contains("model")) return false;
  return ClassStages(config, document, file).apply();
}

}  // namespace qkv
