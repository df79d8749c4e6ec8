#include "text/tokenizer_json.h"

#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "text/bpe_json.h"
#include "text/decoders.h"
#include "text/normalizers.h"
#include "text/post_processors.h"
#include "text/pre_tokenizers.h"

namespace qkv {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* kTrainedStages = R"({
  "normalizer": {"type": "Sequence", "normalizers": [
    {"type": "NFC"},
    {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "},
    {"type": "Strip", "strip_left": true, "strip_right": true}]},
  "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
    {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
    {"type": "Punctuation", "behavior": "Isolated"}]},
  "post_processor": {"type": "TemplateProcessing",
    "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}},
             {"SpecialToken": {"id": "</s>", "type_id": 0}}],
    "special_tokens": {"</s>": {"id": "</s>", "ids": [0], "tokens": ["</s>"]}}},
  "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
  "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null, "end_of_word_suffix": null,
    "fuse_unk": true, "byte_fallback": false, "ignore_merges": false}
})";

AddedToken read_added_token(const JsonNode& node) {
  AddedToken token;
  const int64_t id = node.at("id").integer();
  if (id < 0 || id > INT32_MAX) node.at("id").fail("is out of range");
  token.id = static_cast<int32_t>(id);
  token.content = node.at("content").string();
  token.single_word = node.boolean_or("single_word", false);
  token.lstrip = node.boolean_or("lstrip", false);
  token.rstrip = node.boolean_or("rstrip", false);
  token.special = node.boolean_or("special", false);
  token.normalized = node.boolean_or("normalized", !token.special);
  return token;
}

// An added token is one of the model's, with the same id, or has an id that the model does not use.
std::vector<AddedToken> read_added_tokens(const JsonNode& root, const Vocabulary& vocabulary) {
  std::vector<AddedToken> tokens;
  const auto list = root.find("added_tokens");
  if (!list) return tokens;
  const std::vector<JsonNode> nodes = list->items();
  const int64_t limit = vocabulary.size() + static_cast<int64_t>(nodes.size()) + 100'000;
  std::unordered_map<int32_t, std::string> by_id;
  std::unordered_map<std::string, int32_t> by_content;
  for (const JsonNode& node : nodes) {
    AddedToken token = read_added_token(node);
    if (token.content.empty()) continue;
    if (token.id >= limit) node.fail(fmt::format("has the id {}, which is out of range", token.id));
    const int32_t in_model = vocabulary.id(token.content);
    if (in_model >= 0 && in_model != token.id) {
      node.fail(fmt::format("gives \"{}\" the id {}, but the model's vocabulary gives it {}", token.content, token.id, in_model));
    }
    if (in_model < 0 && token.id < vocabulary.size() && !vocabulary.token(token.id).empty()) {
      node.fail(fmt::format("gives \"{}\" the id {}, which is the id of \"{}\"", token.content, token.id, vocabulary.token(token.id)));
    }
    const auto [other, fresh] = by_id.emplace(token.id, token.content);
    if (!fresh) node.fail(fmt::format("gives the id {} to both \"{}\" and \"{}\"", token.id, other->second, token.content));
    if (!by_content.emplace(token.content, token.id).second) node.fail(fmt::format("adds \"{}\" a second time", token.content));
    tokens.push_back(std::move(token));
  }
  return tokens;
}

std::unique_ptr<Model> make_model(const JsonNode& node) {
  const std::string type = node.string_or("type", node.find("merges") ? "BPE" : "");  // files before tokenizers 0.10 have no type
  if (type == "BPE") return make_bpe(node);
  if (type.empty()) node.fail("has no \"type\"");
  node.fail_unsupported("is of the kind \"" + type + "\", which qkv does not have");
}

ordered_json json_of(const AddedToken& token) {
  return {{"id", token.id},         {"content", token.content},       {"single_word", token.single_word}, {"lstrip", token.lstrip},
          {"rstrip", token.rstrip}, {"normalized", token.normalized}, {"special", token.special}};
}

}  // namespace

TokenizerParts parse_tokenizer_json(std::string_view text, const std::string& file) {
  const json document = parse_json(text, file);
  const JsonNode root(document, file);
  if (!document.is_object() || !root.find("model")) root.fail("this is not a tokenizer.json: it has no \"model\"");
  if (const auto version = root.find("version"); version && version->string() != "1.0") {
    version->fail_unsupported("is \"" + version->string() + "\"; qkv knows \"1.0\"");
  }
  TokenizerParts parts;
  parts.model = make_model(root.at("model"));
  if (const auto node = root.find("normalizer")) parts.normalizer = make_normalizer(*node);
  if (const auto node = root.find("pre_tokenizer")) parts.pre_tokenizer = make_pre_tokenizer(*node);
  if (const auto node = root.find("decoder")) parts.decoder = make_decoder(*node);
  std::vector<AddedToken> added = read_added_tokens(root, parts.model->vocabulary());
  int32_t vocab_size = parts.model->vocabulary().size();
  for (const AddedToken& token : added) vocab_size = std::max(vocab_size, token.id + 1);
  if (const auto node = root.find("post_processor")) parts.post_processor = make_post_processor(*node, vocab_size);
  parts.added_tokens = std::make_unique<AddedTokens>(std::move(added), parts.normalizer.get());
  return parts;
}

std::unique_ptr<Normalizer> trained_normalizer() {
  const json stages = parse_json(kTrainedStages, "trained stages");
  return make_normalizer(JsonNode(stages, "trained stages").at("normalizer"));
}

std::unique_ptr<PreTokenizer> trained_pre_tokenizer() {
  const json stages = parse_json(kTrainedStages, "trained stages");
  return make_pre_tokenizer(JsonNode(stages, "trained stages").at("pre_tokenizer"));
}

std::string trained_tokenizer_json(const LearntBpe& learnt, size_t special_tokens) {
  const ordered_json stages = ordered_json::parse(kTrainedStages);
  ordered_json root{{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}, {"added_tokens", ordered_json::array()}};
  for (size_t id = 0; id < special_tokens; ++id) {
    const AddedToken token{.id = static_cast<int32_t>(id), .content = learnt.tokens[id], .normalized = false, .special = true};
    root["added_tokens"].push_back(json_of(token));
  }
  for (const char* stage : {"normalizer", "pre_tokenizer", "post_processor", "decoder", "model"}) root[stage] = stages[stage];
  ordered_json& model = root["model"];
  model["vocab"] = ordered_json::object();
  model["merges"] = ordered_json::array();
  // ordered_json looks through all keys before it adds one; its base class does not. The tokens differ.
  auto& vocabulary = static_cast<ordered_json::object_t::Container&>(model["vocab"].get_ref<ordered_json::object_t&>());
  for (size_t id = 0; id < learnt.tokens.size(); ++id) vocabulary.emplace_back(learnt.tokens[id], id);
  auto& merges = model["merges"].get_ref<ordered_json::array_t&>();
  const auto token = [&](int32_t id) { return learnt.tokens[static_cast<size_t>(id)]; };
  for (const BpeMerge& merge : learnt.merges) {
    merges.push_back(ordered_json::array({token(merge.pair.left), token(merge.pair.right)}));
  }
  return root.dump(2);
}

std::string make_tokenizer_config(std::span<const AddedToken> added_tokens) {
  constexpr std::pair<const char*, const char*> kRoles[] = {
      {"bos_token", "<s>"},   {"eos_token", "</s>"},  {"unk_token", "<unk>"}, {"unk_token", "[UNK]"},   {"pad_token", "<pad>"},
      {"pad_token", "[PAD]"}, {"cls_token", "[CLS]"}, {"sep_token", "[SEP]"}, {"mask_token", "[MASK]"}, {"mask_token", "<mask>"}};
  ordered_json config{{"clean_up_tokenization_spaces", false}};
  for (const auto& [role, name] : kRoles) {
    for (const AddedToken& token : added_tokens) {
      if (token.special && token.content == name) config[role] = name;
    }
  }
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  return config.dump(2) + "\n";
}

}  // namespace qkv
