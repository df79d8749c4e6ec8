#include "text/files/tokenizer_text.h"

#include "formats/json.h"
#include "formats/json_text.h"
#include "text/files/added_tokens_json.h"

namespace qkv {

using nlohmann::ordered_json;

TokenizerText::TokenizerText(const std::vector<AddedToken>& added_tokens, const ordered_json& stages) {
  const ordered_json head = {{"version", "1.0"},
                             {"truncation", nullptr},
                             {"padding", nullptr},
                             {"added_tokens", added_tokens_json(added_tokens)},
                             {"normalizer", stages.value("normalizer", ordered_json())},
                             {"pre_tokenizer", stages.value("pre_tokenizer", ordered_json())},
                             {"post_processor", stages.value("post_processor", ordered_json())},
                             {"decoder", stages.value("decoder", ordered_json())}};
  json_ = head.dump();
  json_.pop_back();
}

void TokenizerText::model(const ordered_json& members) {
  json_.append(",\"model\":").append(members.dump());
  json_.pop_back();
}

void TokenizerText::plain_bpe(bool ignore_merges) {
  model({{"type", "BPE"},
         {"dropout", nullptr},
         {"unk_token", nullptr},
         {"continuing_subword_prefix", nullptr},
         {"end_of_word_suffix", nullptr},
         {"fuse_unk", false},
         {"byte_fallback", false},
         {"ignore_merges", ignore_merges}});
}

void TokenizerText::member(std::string_view name, const ordered_json& value) {
  json_.append(",\"").append(name).append("\":").append(value.dump());
}

void TokenizerText::vocabulary(std::span<const std::string> tokens) {
  json_.append(",\"vocab\":{");
  bool first = true;
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (tokens[id].empty()) continue;
    if (!first) json_.push_back(',');
    first = false;
    append_quoted(json_, tokens[id]);
    json_.append(":").append(std::to_string(id));
  }
  json_.push_back('}');
}

void TokenizerText::scored_vocabulary(std::span<const std::pair<std::string, double>> tokens) {
  json_.append(",\"vocab\":[");
  for (const auto& [token, score] : tokens) {
    json_.push_back('[');
    append_quoted(json_, token);
    json_.append(",").append(ordered_json(score).dump()).append("],");
  }
  if (!tokens.empty()) json_.pop_back();
  json_.push_back(']');
}

void TokenizerText::merges(std::span<const std::string> tokens, std::span<const std::pair<int32_t, int32_t>> pairs) {
  json_.append(",\"merges\":[");
  for (const auto& [left, right] : pairs) {
    json_.push_back('[');
    append_quoted(json_, tokens[static_cast<size_t>(left)]);
    json_.push_back(',');
    append_quoted(json_, tokens[static_cast<size_t>(right)]);
    json_.append("],");
  }
  if (!pairs.empty()) json_.pop_back();
  json_.push_back(']');
}

std::string TokenizerText::finish() && {
  json_.append("}}");
  return std::move(json_);
}

ordered_json make_template(std::span<const SpecialId> before, std::span<const SpecialId> behind) {
  if (before.empty() && behind.empty()) return nullptr;
  ordered_json single = ordered_json::array(), pair = ordered_json::array(), special = ordered_json::object();
  const auto add = [&](const SpecialId& token, int type) {
    const ordered_json part = {{"SpecialToken", {{"id", token.token}, {"type_id", type}}}};
    if (type == 0) single.push_back(part);
    pair.push_back(part);
    special[token.token] = {{"id", token.token}, {"ids", {token.id}}, {"tokens", {token.token}}};
  };
  const auto sequence = [](const char* id, int type) { return ordered_json{{"Sequence", {{"id", id}, {"type_id", type}}}}; };
  for (const SpecialId& token : before) add(token, 0);
  single.push_back(sequence("A", 0));
  pair.push_back(sequence("A", 0));
  for (const SpecialId& token : behind) add(token, 0);
  pair.push_back(sequence("B", 1));
  for (const SpecialId& token : behind) add(token, 1);
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", special}};
}

}  // namespace qkv
