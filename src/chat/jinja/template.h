// A template of Jinja: what jinja2's ImmutableSandboxedEnvironment renders with trim_blocks, lstrip_blocks and the extension loopcontrols,
// as transformers sets it up. A subset: it has no inheritance, no imports and no filters of HTML, and it always ends.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chat/jinja/interpreter.h"
#include "chat/jinja/value.h"

namespace qkv::jinja {

struct RenderOptions {
  Limits limits;
  std::chrono::system_clock::time_point now = std::chrono::system_clock::now();
};

struct Rendered {
  std::string text;
  std::vector<ByteSpan> generated;  // the parts within {% generation %}
};

class Template {
 public:
  // `name` is for messages. Throws Error (bad_input, unsupported) that names the line and the construct.
  Template(std::string_view source, std::string name);
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  ~Template();

  // Throws Error (bad_input, unsupported) with the line, also when a limit is reached. May be called from any number of threads at once.
  Rendered render(const std::vector<std::pair<std::string, Value>>& variables, const RenderOptions& options = {}) const;

 private:
  std::unique_ptr<Body> body_;
  std::string name_;
};

}  // namespace qkv::jinja
