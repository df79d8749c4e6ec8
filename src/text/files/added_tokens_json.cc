#include "text/files/added_tokens_json.h"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "base/log.h"
#include "formats/json.h"
#include "text/files/token_limits.h"

namespace qkv {
namespace {

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

int32_t entries_of(const Vocabulary& vocabulary) {
  int32_t count = 0;
  for (int32_t id = 0; id < vocabulary.size(); ++id) count += !vocabulary.token(id).empty();
  return count;
}

bool is_token_of(const Vocabulary& vocabulary, int32_t id) { return id < vocabulary.size() && !vocabulary.token(id).empty(); }

// Describes the first fault of the ids; empty if there is none.
std::string fault_of(const std::vector<AddedToken>& tokens, const Vocabulary& vocabulary) {
  std::unordered_map<int32_t, const AddedToken*> by_id;
  std::unordered_set<std::string_view> contents;
  for (const AddedToken& token : tokens) {
    const std::string name = shortened(token.content);
    if (!contents.insert(token.content).second) return fmt::format("\"{}\" is added twice", name);
    const int32_t in_model = vocabulary.id(token.content);
    if (in_model >= 0 && in_model != token.id) return fmt::format("\"{}\" has the id {}, in the model {}", name, token.id, in_model);
    if (in_model < 0 && is_token_of(vocabulary, token.id)) {
      return fmt::format("\"{}\" has the id {} of \"{}\"", name, token.id, shortened(vocabulary.token(token.id)));
    }
    const auto [other, fresh] = by_id.emplace(token.id, &token);
    if (!fresh) return fmt::format("\"{}\" and \"{}\" have the id {}", shortened(other->second->content), name, token.id);
  }
  return "";
}

// Assigns ids as `tokenizers` does. If a token occurs twice, its last flags count.
std::vector<AddedToken> numbered(std::vector<AddedToken> tokens, const Vocabulary& vocabulary) {
  std::vector<AddedToken> result;
  std::unordered_map<std::string, size_t> places;
  const int32_t entries = entries_of(vocabulary);
  int32_t largest = -1;
  for (AddedToken& token : tokens) {
    const auto [place, fresh] = places.emplace(token.content, result.size());
    if (!fresh) {
      token.id = result[place->second].id;
      result[place->second] = std::move(token);
      continue;
    }
    const int32_t in_model = vocabulary.id(token.content);
    token.id = in_model >= 0 ? in_model : std::max(largest + 1, entries);
    largest = std::max(largest, token.id);
    result.push_back(std::move(token));
  }
  return result;
}

}  // namespace

std::vector<AddedToken> read_added_tokens(const JsonNode& root, const Vocabulary& vocabulary) {
  std::vector<AddedToken> tokens;
  const auto list = root.find("added_tokens");
  if (!list) return tokens;
  const std::vector<JsonNode> nodes = list->items();
  const int64_t limit = vocabulary.size() + static_cast<int64_t>(nodes.size()) + kMaxHoles;
  for (const JsonNode& node : nodes) {
    AddedToken token = read_added_token(node);
    if (token.content.empty()) continue;
    if (token.id >= limit) node.fail(fmt::format("has the id {}, which is out of range", token.id));
    tokens.push_back(std::move(token));
  }
  const std::string fault = fault_of(tokens, vocabulary);
  if (fault.empty()) return tokens;
  log_warning("{}: added_tokens: {}; added tokens get the model's id or the next free one, as the tokenizers library gives them",
              root.file(), fault);
  return numbered(std::move(tokens), vocabulary);
}

bool merge_added_tokens(const TokenizerConfig& config, const Vocabulary& vocabulary, const std::string& file,
                        std::vector<AddedToken>& tokens) {
  bool changed = false;
  std::unordered_map<std::string, size_t> places;
  std::unordered_set<int32_t> used, fresh;  // fresh: tokens for which the files give nothing but the id
  for (size_t i = 0; i < tokens.size(); ++i) {
    places.emplace(tokens[i].content, i);
    used.insert(tokens[i].id);
  }
  const auto add = [&](AddedToken token) {
    places.emplace(token.content, tokens.size());
    used.insert(token.id);
    tokens.push_back(std::move(token));
    changed = true;
  };
  for (const AddedToken& token : config.listed_tokens()) {
    if (token.content.empty()) continue;
    if (const auto found = places.find(token.content); found != places.end()) {
      AddedToken& known = tokens[found->second];
      if (config.listed_with_flags() && !known.same_flags(token)) {
        const int32_t id = known.id;
        known = token;
        known.id = id;
        changed = true;
      }
      continue;
    }
    if (token.id >= vocabulary.size() + static_cast<int64_t>(tokens.size()) + kMaxHoles) {
      fail(ErrorCode::bad_input, "{}: the files beside it give \"{}\" the id {}, which is out of range", file, shortened(token.content),
           token.id);
    }
    AddedToken named = token;
    if (const int32_t in_model = vocabulary.id(token.content); in_model >= 0) {
      named.id = in_model;
    } else if (used.contains(token.id) || is_token_of(vocabulary, token.id)) {
      const int32_t largest = used.empty() ? -1 : *std::max_element(used.begin(), used.end());
      named.id = std::max(largest + 1, entries_of(vocabulary));
      log_warning("{}: \"{}\" is to be added as {}, which is the id of another token; it gets {}", file, shortened(token.content), token.id,
                  named.id);
    }
    if (!config.listed_with_flags()) fresh.insert(named.id);
    add(std::move(named));
  }
  std::unordered_set<std::string> said;
  for (AddedToken token : config.special_tokens()) {
    if (token.content.empty() || said.contains(token.content)) continue;
    if (const auto found = places.find(token.content); found != places.end()) {
      AddedToken& known = tokens[found->second];
      if (!known.special && fresh.contains(known.id)) known.normalized = token.normalized;
      changed = changed || !known.special;
      known.special = true;
      continue;
    }
    token.special = true;
    token.id = vocabulary.id(token.content);
    if (token.id >= 0) {
      add(std::move(token));
    } else {
      log_warning("{}: the special token \"{}\" of the files beside it has no id; it is not looked for in a text", file,
                  shortened(token.content));
      said.insert(token.content);
    }
  }
  return changed;
}

nlohmann::ordered_json added_tokens_json(const std::vector<AddedToken>& tokens) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const AddedToken& token : tokens) {
    list.push_back({{"id", token.id},
                    {"content", token.content},
                    {"single_word", token.single_word},
                    {"lstrip", token.lstrip},
                    {"rstrip", token.rstrip},
                    {"normalized", token.normalized},
                    {"special", token.special}});
  }
  return list;
}

std::vector<bool> control_tokens(const std::string& config, const std::vector<AddedToken>& added, size_t size) {
  const nlohmann::json json = nlohmann::json::parse(config, nullptr, false);
  std::set<std::string> names;
  for (const char* role : {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}) {
    const auto found = json.is_object() ? json.find(role) : json.end();
    if (found == json.end()) continue;
    if (found->is_string()) names.insert(found->get<std::string>());
    if (found->is_object() && found->contains("content") && (*found)["content"].is_string())
      names.insert((*found)["content"].get<std::string>());
  }
  std::vector<bool> control(size);
  for (const AddedToken& token : added)
    control[static_cast<size_t>(token.id)] = token.special && (names.empty() || names.contains(token.content));
  return control;
}

bool gives_token_types(const std::string& config) {
  const nlohmann::json json = nlohmann::json::parse(config, nullptr, false);
  if (!json.is_object()) return true;
  if (const auto names = json.find("model_input_names"); names != json.end() && names->is_array()) {
    return std::find(names->begin(), names->end(), "token_type_ids") != names->end();
  }
  const auto name = json.find("tokenizer_class");
  return name == json.end() || *name != "TokenizersBackend";
}

std::unordered_set<std::string_view> special_contents(const std::vector<AddedToken>& tokens) {
  std::unordered_set<std::string_view> contents;
  for (const AddedToken& token : tokens) {
    if (token.special) contents.insert(token.content);
  }
  return contents;
}

}  // namespace qkv
