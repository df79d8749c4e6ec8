// The options of qkv generate for chat models.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace qkv {

struct ChatArguments {
  bool chat = false, generation_prompt = true, continue_final_message = false, show_prompt = false;
  std::string messages, system, tools, documents, template_file, template_name;
  std::vector<std::string> variables;  // NAME=JSON

  bool used() const { return chat || !messages.empty(); }
};

void add_chat_options(CLI::App& command, ChatArguments& arguments);
void refuse_unused_chat_options(const CLI::App& command, const ChatArguments& arguments);

// The conversation as the model's chat template renders it. `prompt`: the user's message; unused if there is a file of messages.
std::string chat_prompt(const ChatArguments& arguments, const std::string& model, const std::string& prompt);

}  // namespace qkv
