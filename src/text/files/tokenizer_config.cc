#include "text/files/tokenizer_config.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <system_error>
#include <utility>

#include "base/files.h"
#include "formats/json.h"
#include "formats/json_node.h"
#include "text/files/tokenizer_classes.h"

namespace qkv {
namespace {

using nlohmann::json;

constexpr const char* kRoles[] = {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

// Reads "content", or an object with the members of an added token.
AddedToken read_token(const JsonNode& node) {
  if (node.value().is_string()) return {.content = node.string(), .normalized = false, .special = true};
  return {.content = node.at("content").string(),
          .single_word = node.boolean_or("single_word", false),
          .lstrip = node.boolean_or("lstrip", false),
          .rstrip = node.boolean_or("rstrip", false),
          .normalized = node.boolean_or("normalized", false),
          .special = node.boolean_or("special", true)};
}

int32_t checked_id(const JsonNode& node, int64_t id) {
  if (id < 0 || id > INT32_MAX) node.fail("is an id out of range");
  return static_cast<int32_t>(id);
}

}  // namespace

// As in transformers: special_tokens_map.json and added_tokens.json are used if tokenizer_config.json has no complete list of tokens.
TokenizerConfig::TokenizerConfig(const std::filesystem::path& directory) {
  if (const auto file = directory / "tokenizer_config.json"; is_file(file)) {
    read_config(file);
  } else {
    read_class(directory / "config.json", "");
  }
  const auto map = directory / "special_tokens_map.json", added = directory / "added_tokens.json";
  exists_ = exists_ || is_file(map) || is_file(added);
  if (listed_with_flags_) return;
  if (is_file(map)) {
    const json document = parse_json(read_file(map), map.string());
    read_roles(JsonNode(document, map.string()));
  }
  if (is_file(added)) read_added(added);
}

// Keys that end in _token and are no role name further special tokens. There are two lists of tokens without a role; the older one is used
// if the other is missing or empty.
void TokenizerConfig::read_roles(const JsonNode& root) {
  if (!root.value().is_object()) root.fail("must be an object");
  const auto is_token = [](const json& value) { return value.is_string() || (value.is_object() && value.contains("content")); };
  for (const auto& [key, value] : root.value().items()) {
    if (!key.ends_with("_token") || !is_token(value)) continue;
    const bool role = std::find(std::begin(kRoles), std::end(kRoles), key) != std::end(kRoles);
    role ? void(roles_[key] = read_token(root.at(key))) : additional_.push_back(read_token(root.at(key)));
  }
  const auto extra = root.find("extra_special_tokens"), older = root.find("additional_special_tokens");
  if (extra && extra->value().is_object()) {  // maps roles to their tokens
    for (const auto& [role, value] : extra->value().items()) additional_.push_back(read_token(extra->at(role)));
  } else if (extra && !extra->value().empty()) {
    for (const JsonNode& node : extra->items()) additional_.push_back(read_token(node));
    lists_extra_ = true;
  }
  if (!older || !older->value().is_array() || lists_extra_) return;
  for (const JsonNode& node : older->items()) additional_.push_back(read_token(node));
  lists_extra_ = true;
}

void TokenizerConfig::read_added(const std::filesystem::path& file) {
  const json document = parse_json(read_file(file), file.string());
  const JsonNode root(document, file.string());
  if (!document.is_object()) root.fail("must be an object of tokens and their ids");
  for (const auto& [token, value] : document.items()) {
    const JsonNode node = root.at(token);
    listed_.push_back({.id = checked_id(node, node.integer()), .content = token});
  }
  std::sort(listed_.begin(), listed_.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
}

void TokenizerConfig::read_config(const std::filesystem::path& file) {
  text_ = read_file(file);
  exists_ = true;
  const json document = parse_json(text_, file.string());
  const JsonNode root(document, file.string());
  read_roles(root);
  read_class(file.parent_path() / "config.json", root.string_or("tokenizer_class", ""));
  for (const auto& [name, value] : document.items()) {
    if (value.is_boolean()) flags_[name] = value.get<bool>();
    if (value.is_null()) nulls_.insert(name);
    if (value.is_number_integer()) numbers_[name] = value.get<int64_t>();
  }
  const auto listed = root.find("added_tokens_decoder");
  if (!listed) return;
  if (!listed->value().is_object()) listed->fail("must be an object of ids and tokens");
  listed_with_flags_ = true;
  for (const auto& [name, value] : listed->value().items()) {
    const JsonNode node = listed->at(name);
    AddedToken token = read_token(node);
    int64_t id = -1;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
    token.id = checked_id(node, error == std::errc() && end == name.data() + name.size() ? id : -1);
    listed_.push_back(std::move(token));
  }
  std::sort(listed_.begin(), listed_.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
}

// Faults of config.json are reported by the model's reader.
void TokenizerConfig::read_class(const std::filesystem::path& file, std::string named) {
  if (named.ends_with("Fast")) named.resize(named.size() - 4);
  std::string type;
  if (is_file(file)) {
    const json config = json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
    const auto text = [&](const char* key) {
      return config.is_object() && config.contains(key) && config[key].is_string() ? config[key].get<std::string>() : std::string();
    };
    type = text("model_type");
    if (named.empty()) named = text("tokenizer_class");
  }
  if (named.ends_with("Fast")) named.resize(named.size() - 4);
  class_ = resolved_tokenizer_class(named, type);
}

std::vector<AddedToken> TokenizerConfig::special_tokens() const {
  std::vector<AddedToken> tokens;
  for (const auto& [role, token] : roles_) tokens.push_back(token);
  tokens.insert(tokens.end(), additional_.begin(), additional_.end());
  return tokens;
}

bool TokenizerConfig::flag(const std::string& name, bool otherwise) const {
  const auto found = flags_.find(name);
  return found == flags_.end() ? otherwise : found->second;
}

int64_t TokenizerConfig::number(const std::string& name, int64_t otherwise) const {
  const auto found = numbers_.find(name);
  return found == numbers_.end() ? otherwise : found->second;
}

std::string TokenizerConfig::token(const std::string& role, const std::string& otherwise) const {
  const auto found = roles_.find(role);
  return found == roles_.end() ? otherwise : found->second.content;
}

std::vector<AddedToken> TokenizerConfig::added_tokens(const std::map<std::string, std::string>& default_roles,
                                                      const std::function<int32_t(const std::string&)>& id_of) const {
  std::vector<AddedToken> tokens = listed_;
  std::set<std::string> known;
  for (const AddedToken& token : tokens) known.insert(token.content);
  const auto add = [&](AddedToken token) {
    token.special = true;
    token.id = id_of(token.content);
    if (known.contains(token.content)) {
      for (AddedToken& listed : tokens) {
        if (listed.content == token.content) listed.special = true, listed.normalized = token.normalized;
      }
    } else if (token.id >= 0) {
      known.insert(token.content);
      tokens.push_back(std::move(token));
    }
  };
  for (const auto& [role, content] : default_roles) {
    if (!roles_.contains(role)) add({.content = content, .normalized = false});
  }
  for (const auto& [role, token] : roles_) add(token);
  for (const AddedToken& token : additional_) add(token);
  std::sort(tokens.begin(), tokens.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  return tokens;
}

}  // namespace qkv
