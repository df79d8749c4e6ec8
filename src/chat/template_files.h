// Finds the chat templates of a model.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace qkv {

struct ChatTemplateFiles {
  struct Source {
    std::string text;
    std::string file;  // for messages
  };
  std::map<std::string, Source> templates;                          // by name; "default" is the usual one
  std::vector<std::pair<std::string, std::string>> special_tokens;  // by role: bos_token, eos_token, …
};

// `model`: a directory or a .gguf. As in transformers, chat_template.jinja and chat_templates/*.jinja replace what tokenizer_config.json
// has. No template is no error. Throws Error(io, bad_input) for damaged files.
ChatTemplateFiles find_chat_templates(const std::filesystem::path& model);

}  // namespace qkv
