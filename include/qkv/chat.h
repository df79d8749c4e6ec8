// Chat templates: conversations as the text that a model was trained on, rendered byte for byte as transformers' apply_chat_template does.
//
// A template is Jinja as transformers sets it up (jinja2's immutable sandbox with trim_blocks, lstrip_blocks and loop controls) without
// inheritance, imports, recursion without end and the few filters and methods that no chat template uses; those are refused by name. A
// template from a stranger always ends: its steps, memory and depth are limited. Thread safety: const functions may be called from any
// number of threads at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "qkv/export.h"
#include "qkv/tokenizer.h"

namespace qkv {

// JSON is given as text. Keys of objects keep their order, which templates show.
struct ChatOptions {
  bool add_generation_prompt = true;    // end with the beginning of the assistant's answer, where the template has one
  bool continue_final_message = false;  // leave the last message open, to be continued; add_generation_prompt must be false
  std::string tools;                    // a JSON array of tools (JSON schemas of functions); empty: none
  std::string documents;                // a JSON array of documents; empty: none
  std::string variables;                // a JSON object of further variables, {"enable_thinking": false}; empty: none
  std::string template_name;            // of several templates; empty: "tool_use" if there are tools and such a template, or else "default"
  std::optional<int64_t> now;           // the time that templates print, in seconds since 1970; nothing: the present
};

struct RenderedChat {
  std::string text;
  std::vector<ByteRange> generated;  // of the text, by the assistant: the {% generation %} blocks of templates that have them
};

class QKV_API ChatTemplate {
 public:
  // The templates of a model: chat_template.jinja and chat_templates/, or "chat_template" in tokenizer_config.json, of a directory; or
  // tokenizer.chat_template of a .gguf. The special tokens that templates print (bos_token, …) are those named by tokenizer_config.json,
  // special_tokens_map.json or the .gguf. Throws qkv::Error: unsupported if there is no template, bad_input or io for damaged files.
  static ChatTemplate load(const std::filesystem::path& model);
  // A file with a template instead of the model's own; special tokens are still the model's.
  static ChatTemplate load(const std::filesystem::path& model, const std::filesystem::path& template_file);

  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  std::vector<std::string> names() const;  // "default" and others, sorted
  // Why a template cannot be used: one line that names what is not supported and where. Nothing: it can.
  std::optional<std::string> fault(const std::string& name) const;

  // `messages` is a JSON array of objects with "role", "content" and what else the template knows ("tool_calls", "name", …), or an object
  // {"messages": […], "tools": […]}. As in transformers, members that are null count as missing. Throws qkv::Error: invalid_argument for
  // options, bad_input for JSON, for a template that refuses the conversation, is damaged or exceeds a limit, unsupported for what
  // the template needs beyond the subset. Control tokens in the messages' own text are not escaped: see docs/decoding.md.
  RenderedChat render(std::string_view messages, const ChatOptions& options = {}) const;

  // A conversation of one user's message, and before it the system's if `system` is not empty, as JSON for `render`.
  static std::string conversation(std::string_view user, std::string_view system = "");

 private:
  struct Impl;
  QKV_INTERNAL explicit ChatTemplate(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace qkv
