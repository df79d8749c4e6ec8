// Options that qkv generate and qkv chat share: chat templates, and how tokens are drawn.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "qkv/chat.h"
#include "qkv/generator.h"

namespace qkv {

struct ChatArguments {
  bool chat = false, generation_prompt = true, continue_final_message = false, show_prompt = false;
  std::string messages, system, tools, documents, template_file, template_name;
  std::vector<std::string> variables;  // NAME=JSON

  bool used() const { return chat || !messages.empty(); }
};

// --system, --tools, --template and what else changes what the template writes.
void add_template_options(CLI::App& command, ChatArguments& arguments);
// These and --chat, --messages and what belongs to one prompt.
void add_chat_options(CLI::App& command, ChatArguments& arguments);
void refuse_unused_template_options(const CLI::App& command, const ChatArguments& arguments);
// Refuses options of drawing tokens where --greedy or --temperature 0 leaves no choice.
void refuse_unused_sampling(const CLI::App& command, bool greedy, const GeneratorOptions& options);
void refuse_unused_chat_options(const CLI::App& command, const ChatArguments& arguments);

// The model's chat template or the given one, and what it is told besides the messages.
ChatTemplate open_template(const ChatArguments& arguments, const std::string& model);
ChatOptions template_options(const ChatArguments& arguments);

// The conversation as the model's chat template renders it. `prompt`: the user's message; unused if there is a file of messages.
std::string chat_prompt(const ChatArguments& arguments, const std::string& model, const std::string& prompt);

}  // namespace qkv
