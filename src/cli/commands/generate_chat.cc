#include "cli/commands/generate_chat.h"

#include "base/error.h"
#include "base/files.h"
#include "cli/exclusions.h"
#include "cli/line_input.h"
#include "formats/json.h"

namespace qkv {
namespace {

// Options that choose among likely tokens.
constexpr std::initializer_list<const char*> kDraws = {"--top-k", "--top-p", "--min-p", "--typical-p", "--epsilon-cutoff", "--eta-cutoff"};

// {"NAME": VALUE, …}; a value that is no JSON is a text.
std::string variables_json(const std::vector<std::string>& given) {
  nlohmann::ordered_json variables = nlohmann::ordered_json::object();
  for (const std::string& each : given) {
    const size_t equals = each.find('=');
    if (equals == 0 || equals == std::string::npos)
      fail(ErrorCode::invalid_argument, "--template-variable {}: NAME=VALUE was expected", each);
    const std::string text = each.substr(equals + 1);
    const auto value = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
    variables[each.substr(0, equals)] = value.is_discarded() ? nlohmann::ordered_json(text) : value;
  }
  return variables.empty() ? "" : variables.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

// Messages, with the system's before them.
std::string read_messages(const ChatArguments& arguments) {
  const std::string json(arguments.messages == "-" ? LineInput("").whole() : std::string_view(read_file(arguments.messages)));
  if (arguments.system.empty()) return json;
  auto messages = nlohmann::ordered_json::parse(json, nullptr, /*allow_exceptions=*/false);
  auto& list = messages.is_object() && messages.contains("messages") ? messages["messages"] : messages;
  if (list.is_array()) list.insert(list.begin(), {{"role", "system"}, {"content", arguments.system}});
  return messages.is_discarded() ? json : messages.dump();  // what is no JSON is refused where it is read
}

}  // namespace

namespace {

void add_text(CLI::App& command, const char* name, std::string& value, const char* type, const char* help) {
  command.add_option(name, value, help)->type_name(type)->group("Chat");
}

}  // namespace

void add_template_options(CLI::App& command, ChatArguments& arguments) {
  add_text(command, "--system", arguments.system, "TEXT", "The system's message, before the others");
  add_text(command, "--tools", arguments.tools, "FILE", "A JSON array of tools for the template, schemas of functions");
  add_text(command, "--documents", arguments.documents, "FILE", "A JSON array of documents for the template");
  add_text(command, "--template", arguments.template_file, "FILE", "A Jinja chat template instead of the model's own");
  add_text(command, "--template-name", arguments.template_name, "NAME",
           "One of several templates (default: tool_use with --tools, or else default)");
  command
      .add_option("--template-variable", arguments.variables,
                  "A variable for the template, as enable_thinking=false; may be given several times")
      ->type_name("NAME=JSON")
      ->group("Chat");
}

void add_chat_options(CLI::App& command, ChatArguments& arguments) {
  command.add_flag("--chat", arguments.chat, "Put the prompt, as the user's message, into the model's chat template")->group("Chat");
  add_text(command, "--messages", arguments.messages, "FILE",
           "A conversation as JSON, [{\"role\": \"user\", \"content\": \"...\"}, ...]; -: stdin");
  add_template_options(command, arguments);
  command.add_flag("!--no-generation-prompt", arguments.generation_prompt, "Do not end with the beginning of the assistant's answer")
      ->group("Chat");
  command.add_flag("--continue-final-message", arguments.continue_final_message, "Go on with the conversation's last message")
      ->group("Chat");
  command.add_flag("--show-prompt", arguments.show_prompt, "Print the conversation as the template renders it, and stop")->group("Chat");
}

void refuse_unused_template_options(const CLI::App& command, const ChatArguments& arguments) {
  if (!arguments.template_file.empty()) refuse_given(command, {"--template-name"}, "--template is one template");
}

void refuse_unused_sampling(const CLI::App& command, bool greedy, const GeneratorOptions& options) {
  // --seed stays: it asks for the same text again, and without chance that is what comes.
  if (greedy) {
    refuse_given(command, {"--temperature"}, "--greedy always takes the likeliest token");
    refuse_given(command, kDraws, "--greedy always takes the likeliest token");
  }
  if (options.temperature == 0.0) refuse_given(command, kDraws, "--temperature 0 always takes the likeliest token");
}

void refuse_unused_chat_options(const CLI::App& command, const ChatArguments& arguments) {
  if (!arguments.used()) {
    refuse_given(command,
                 {"--system", "--tools", "--documents", "--template", "--template-name", "--template-variable", "--no-generation-prompt",
                  "--continue-final-message", "--show-prompt"},
                 "without --chat or --messages no chat template is used");
  }
  if (arguments.used() && arguments.messages.empty() && !is_given(command, "--prompt"))
    fail(ErrorCode::invalid_argument, "--chat needs a message: --prompt TEXT, or a conversation with --messages FILE");
  if (!arguments.messages.empty()) refuse_given(command, {"--prompt"}, "--messages has the whole conversation");
  refuse_unused_template_options(command, arguments);
  if (arguments.continue_final_message) {
    if (arguments.messages.empty())
      fail(ErrorCode::invalid_argument, "--continue-final-message needs --messages, whose last message goes on");
    refuse_given(command, {"--no-generation-prompt"}, "--continue-final-message begins no answer");
  }
}

ChatTemplate open_template(const ChatArguments& arguments, const std::string& model) {
  return arguments.template_file.empty() ? ChatTemplate::load(model) : ChatTemplate::load(model, arguments.template_file);
}

ChatOptions template_options(const ChatArguments& arguments) {
  ChatOptions options{.add_generation_prompt = arguments.generation_prompt && !arguments.continue_final_message,
                      .continue_final_message = arguments.continue_final_message,
                      .variables = variables_json(arguments.variables),
                      .template_name = arguments.template_name};
  if (!arguments.tools.empty()) options.tools = read_file(arguments.tools);
  if (!arguments.documents.empty()) options.documents = read_file(arguments.documents);
  return options;
}

std::string chat_prompt(const ChatArguments& arguments, const std::string& model, const std::string& prompt) {
  const ChatTemplate chat = open_template(arguments, model);
  const std::string messages = arguments.messages.empty() ? ChatTemplate::conversation(prompt, arguments.system) : read_messages(arguments);
  return chat.render(messages, template_options(arguments)).text;
}

}  // namespace qkv
