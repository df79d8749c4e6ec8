// qkv::ChatTemplate of the public API: what transformers' apply_chat_template does around its Jinja template.
#include <algorithm>
#include <map>
#include <mutex>

#include "base/error.h"
#include "base/files.h"
#include "base/utf8.h"
#include "chat/jinja/json_values.h"
#include "chat/jinja/python_string.h"
#include "chat/jinja/template.h"
#include "chat/template_files.h"
#include "formats/json.h"
#include "qkv/chat.h"

namespace qkv {
namespace {

using jinja::Dict;
using jinja::List;
using jinja::Value;

// The names under which a message's reasoning is passed; the first is the standard one.
constexpr std::string_view kReasoning[] = {"reasoning_content", "thinking", "reasoning"};

// What transformers marks the end of a message with that is to be continued.
constexpr std::string_view kOpenEnd = "CONTINUE_FINAL_MESSAGE_TAG ";

Value text(std::string_view bytes) { return Value::text(std::string(bytes), nullptr); }

const List& array_of(const Value& value, std::string_view what) {
  if (!value.list()) fail(ErrorCode::bad_input, "{} must be a JSON array […]", what);
  return *value.list();
}

// A message as templates see it: without members that are null; reasoning under each name that templates read.
Value normalized(const Value& message, size_t number) {
  if (!message.dict()) fail(ErrorCode::bad_input, "message {} is no JSON object {{\"role\": …, \"content\": …}}", number + 1);
  Dict out;
  const Value* reasoning = nullptr;
  for (const std::string_view name : kReasoning) {
    const Value* found = message.dict()->find(name);
    if (!reasoning && found && !found->is_none()) reasoning = found;
  }
  if (reasoning) out.set("thinking", *reasoning);
  for (const auto& [key, value] : message.dict()->entries()) {
    if (!value.is_none()) out.set(key, value);
  }
  if (reasoning) out.set("reasoning_content", *reasoning);
  return Value::dict(std::move(out), nullptr);
}

// The last message with its content left open.
Value with_open_end(const Value& message) {
  Dict out = *message.dict();
  const Value* content = out.find("content");
  if (!content) fail(ErrorCode::invalid_argument, "the last message has no \"content\" that could be continued");
  if (content->text()) {
    out.set("content", text(content->text()->bytes + std::string(kOpenEnd)));
    return Value::dict(std::move(out), nullptr);
  }
  std::vector<Value> parts = array_of(*content, "the content of the last message").items;
  const auto part = std::find_if(parts.rbegin(), parts.rend(), [](const Value& each) {
    const Value* found = each.dict() ? each.dict()->find("text") : nullptr;
    return found && found->text();
  });
  if (part == parts.rend()) fail(ErrorCode::invalid_argument, "the last message has no text that could be continued");
  Dict changed = *part->dict();
  changed.set("text", text(changed.find("text")->text()->bytes + std::string(kOpenEnd)));
  *part = Value::dict(std::move(changed), nullptr);
  out.set("content", Value::list(std::move(parts), nullptr));
  return Value::dict(std::move(out), nullptr);
}

// Ends the text where the message ended that is to be continued.
void cut_at_open_end(std::string& rendered) {
  const std::string_view mark = jinja::strip(kOpenEnd, std::nullopt);
  const size_t at = rendered.rfind(mark);
  if (at == std::string::npos)
    fail(ErrorCode::bad_input, "the template leaves out the end of the last message, which can so not be continued");
  const bool spacing_kept = rendered.compare(at, kOpenEnd.size(), kOpenEnd) == 0;
  rendered.resize(at);
  if (!spacing_kept) rendered.resize(jinja::strip(rendered, std::nullopt, jinja::Ends::right).size());
}

struct Conversation {
  Value messages, tools = jinja::None{};
};

Conversation read_conversation(std::string_view json, const ChatOptions& options) {
  Value given = jinja::parse_json_value(json, "the messages");
  Conversation out;
  if (const Dict* object = given.dict()) {
    const Value* messages = object->find("messages");
    if (!messages) fail(ErrorCode::bad_input, "the messages are a JSON object without \"messages\"; an array of messages was expected");
    if (const Value* tools = object->find("tools")) out.tools = *tools;
    const Value list = *messages;  // given owns it
    given = list;
  }
  const List& list = array_of(given, "the messages");
  if (list.items.empty()) fail(ErrorCode::bad_input, "the conversation is empty; give at least one message");
  std::vector<Value> messages;
  for (size_t i = 0; i < list.items.size(); ++i) messages.push_back(normalized(list.items[i], i));
  if (options.continue_final_message) messages.back() = with_open_end(messages.back());
  out.messages = Value::list(std::move(messages), nullptr);
  if (!options.tools.empty()) out.tools = jinja::parse_json_value(options.tools, "the tools");
  if (!out.tools.is_none()) {
    for (const Value& tool : array_of(out.tools, "tools").items) {
      if (!tool.dict()) fail(ErrorCode::bad_input, "each of the tools must be a JSON object, the schema of a function");
    }
  }
  return out;
}

}  // namespace

struct QKV_INTERNAL ChatTemplate::Impl {
  ChatTemplateFiles files;
  std::map<std::string, jinja::Template, std::less<>> compiled;
  std::map<std::string, Error, std::less<>> faults;

  explicit Impl(ChatTemplateFiles found) : files(std::move(found)) {
    for (const auto& [name, source] : files.templates) {
      const std::string shown = name == "default" ? "" : fmt::format(", template \"{}\"", shortened(name, 40));
      try {
        compiled.emplace(name, jinja::Template(source.text, source.file + shown));
      } catch (const Error& error) {
        faults.emplace(name, error);
      }
    }
  }

  const jinja::Template& choose(const ChatOptions& options, bool tools) const {
    const std::string& asked = options.template_name;
    const bool use_tools = tools && files.templates.contains("tool_use");
    const std::string name = !asked.empty() ? asked : use_tools ? "tool_use" : "default";
    if (const auto found = compiled.find(name); found != compiled.end()) return found->second;
    if (const auto found = faults.find(name); found != faults.end()) throw found->second;
    std::string known;
    for (const auto& [each, source] : files.templates) known += (known.empty() ? "" : ", ") + each;
    fail(ErrorCode::invalid_argument, "the model has no chat template named \"{}\"; it has: {}", shortened(name, 40), known);
  }
};

ChatTemplate::ChatTemplate(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

ChatTemplate ChatTemplate::load(const std::filesystem::path& model) {
  ChatTemplateFiles files = find_chat_templates(model);
  if (files.templates.empty()) {
    fail(ErrorCode::unsupported,
         "{} has no chat template (chat_template.jinja, \"chat_template\" in tokenizer_config.json); it is no chat model, or its template "
         "has "
         "to be given as a file",
         model.string());
  }
  return ChatTemplate(std::make_unique<Impl>(std::move(files)));
}

ChatTemplate ChatTemplate::load(const std::filesystem::path& model, const std::filesystem::path& template_file) {
  ChatTemplateFiles files = find_chat_templates(model);
  files.templates = {{"default", {read_file(template_file), template_file.string()}}};
  return ChatTemplate(std::make_unique<Impl>(std::move(files)));
}

std::vector<std::string> ChatTemplate::names() const {
  std::vector<std::string> names;
  for (const auto& [name, source] : impl_->files.templates) names.push_back(name);
  return names;
}

std::optional<std::string> ChatTemplate::fault(const std::string& name) const {
  const auto found = impl_->faults.find(name);
  return found == impl_->faults.end() ? std::nullopt : std::optional<std::string>(found->second.what());
}

RenderedChat ChatTemplate::render(std::string_view messages, const ChatOptions& options) const {
  QKV_REQUIRE(!options.continue_final_message || !options.add_generation_prompt,
              "continue_final_message and add_generation_prompt exclude each other: the last message goes on, or an answer begins");
  const Conversation conversation = read_conversation(messages, options);
  std::vector<std::pair<std::string, Value>> variables;
  for (const auto& [role, token] : impl_->files.special_tokens) variables.emplace_back(role, text(replace_invalid_utf8(token)));
  if (!options.variables.empty()) {
    const Value more = jinja::parse_json_value(options.variables, "the template's variables");
    if (!more.dict()) fail(ErrorCode::bad_input, "the template's variables must be a JSON object {{…}}");
    for (const auto& [key, value] : more.dict()->entries()) variables.emplace_back(key.text()->bytes, value);
  }
  variables.emplace_back("messages", conversation.messages);
  variables.emplace_back("tools", conversation.tools);
  const bool has_documents = !options.documents.empty();
  variables.emplace_back("documents", has_documents ? jinja::parse_json_value(options.documents, "the documents") : Value(jinja::None{}));
  if (has_documents) array_of(variables.back().second, "documents");
  variables.emplace_back("add_generation_prompt", options.add_generation_prompt);
  jinja::RenderOptions how;
  if (options.now) how.now = std::chrono::system_clock::time_point(std::chrono::seconds(*options.now));
  const jinja::Rendered rendered = impl_->choose(options, !conversation.tools.is_none()).render(variables, how);
  RenderedChat out{.text = rendered.text};
  if (options.continue_final_message) {
    cut_at_open_end(out.text);
  } else {
    for (const auto& [begin, end] : rendered.generated) out.generated.push_back({begin, end});
  }
  return out;
}

std::string ChatTemplate::conversation(std::string_view user, std::string_view system) {
  nlohmann::ordered_json messages = nlohmann::ordered_json::array();
  if (!system.empty()) messages.push_back({{"role", "system"}, {"content", replace_invalid_utf8(system)}});
  messages.push_back({{"role", "user"}, {"content", replace_invalid_utf8(user)}});
  return messages.dump();
}

}  // namespace qkv
