#include "chat/template_files.h"

#include <algorithm>
#include <system_error>

#include "base/error.h"
#include "base/files.h"
#include "formats/gguf.h"
#include "formats/json.h"
#include "formats/json_node.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

void add_token(ChatTemplateFiles& out, const std::string& role, const json& token) {
  const bool known =
      std::any_of(out.special_tokens.begin(), out.special_tokens.end(), [&](const auto& each) { return each.first == role; });
  if (known) return;
  if (token.is_string()) out.special_tokens.emplace_back(role, token.get<std::string>());
  const bool added = token.is_object() && token.contains("content") && token["content"].is_string();
  if (added) out.special_tokens.emplace_back(role, token["content"].get<std::string>());
}

// The tokens with a role: keys that end in _token, and those of "extra_special_tokens" if it is an object.
void add_tokens(ChatTemplateFiles& out, const json& config) {
  if (!config.is_object()) return;
  for (const auto& [key, value] : config.items()) {
    if (key.ends_with("_token")) add_token(out, key, value);
  }
  const auto extra = config.find("extra_special_tokens");
  if (extra == config.end() || !extra->is_object()) return;
  for (const auto& [key, value] : extra->items()) add_token(out, key, value);
}

// "chat_template": a text, a list of {"name", "template"}, or an object of names and texts.
void read_config_templates(ChatTemplateFiles& out, const JsonNode& node) {
  const auto add = [&](const std::string& name, const JsonNode& text) { out.templates[name] = {text.string(), node.file()}; };
  if (node.value().is_string()) return add("default", node);
  if (node.value().is_object()) {
    for (const auto& [name, value] : node.value().items()) add(name, node.at(name));
    return;
  }
  for (const JsonNode& each : node.items()) add(each.at("name").string(), each.at("template"));
}

void read_directory(ChatTemplateFiles& out, const fs::path& directory) {
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json", "chat_template.json"}) {
    const fs::path file = directory / name;
    if (!is_file(file)) continue;
    const json document = parse_json(read_file(file), file.string());
    if (!document.is_object()) continue;
    add_tokens(out, document);
    const auto found = JsonNode(document, file.string()).find("chat_template");
    if (found && out.templates.empty()) read_config_templates(out, *found);
  }
  std::map<std::string, ChatTemplateFiles::Source> own;
  if (const fs::path file = directory / "chat_template.jinja"; is_file(file)) own["default"] = {read_file(file), file.string()};
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory / "chat_templates", ignored)) {
    const fs::path& file = entry.path();
    if (file.extension() == ".jinja" && is_file(file)) own[file.stem().string()] = {read_file(file), file.string()};
  }
  if (!own.empty()) out.templates = std::move(own);
}

void read_gguf(ChatTemplateFiles& out, const fs::path& file) {
  const MappedFile mapped(file);
  if (!GgufMetadata::is_gguf(mapped.text())) fail(ErrorCode::bad_input, "{} is no GGUF file and no directory of a model", file.string());
  const GgufMetadata metadata(mapped.text(), file.string());
  const std::string key = "tokenizer.chat_template";
  if (const auto text = metadata.string(key)) out.templates["default"] = {std::string(*text), file.string()};
  for (const std::string_view name : metadata.strings("tokenizer.chat_templates")) {
    if (const auto text = metadata.string(key + "." + std::string(name)))
      out.templates[std::string(name)] = {std::string(*text), file.string()};
  }
  const std::vector<std::string_view> tokens = metadata.strings("tokenizer.ggml.tokens");
  constexpr std::pair<const char*, const char*> kRoles[] = {{"bos", "bos_token"},     {"eos", "eos_token"},       {"unknown", "unk_token"},
                                                            {"padding", "pad_token"}, {"seperator", "sep_token"}, {"cls", "cls_token"},
                                                            {"mask", "mask_token"}};
  for (const auto& [gguf, role] : kRoles) {
    const auto id = metadata.integer(std::string("tokenizer.ggml.") + gguf + "_token_id");
    if (id && *id >= 0 && *id < std::ssize(tokens)) out.special_tokens.emplace_back(role, tokens[static_cast<size_t>(*id)]);
  }
}

}  // namespace

ChatTemplateFiles find_chat_templates(const fs::path& model) {
  ChatTemplateFiles out;
  std::error_code ignored;
  if (fs::is_directory(model, ignored)) {
    read_directory(out, model);
    // A directory of a .gguf alone.
    if (out.templates.empty() && !is_file(model / "tokenizer_config.json") && !is_file(model / "tokenizer.json")) {
      std::vector<fs::path> files;
      for (const fs::directory_entry& entry : fs::directory_iterator(model, ignored)) {
        if (entry.path().extension() == ".gguf") files.push_back(entry.path());
      }
      std::sort(files.begin(), files.end());
      if (!files.empty()) read_gguf(out, files.front());
    }
  } else {
    read_gguf(out, model);
  }
  return out;
}

}  // namespace qkv
