#include "chat/jinja/template.h"

#include "base/error.h"
#include "base/utf8.h"
#include "chat/jinja/lexer.h"
#include "chat/jinja/parser.h"

namespace qkv::jinja {

constexpr size_t kMaxSource = size_t{1} << 20;

Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::~Template() = default;

Template::Template(std::string_view source, std::string name) : name_(std::move(name)) {
  if (source.size() > kMaxSource)
    fail(ErrorCode::bad_input, "{}: the template has {} bytes; at most {} are read", name_, source.size(), kMaxSource);
  if (!is_valid_utf8(source)) fail(ErrorCode::bad_input, "{}: the template is not valid UTF-8", name_);
  try {
    body_ = std::make_unique<Body>(parse_template(source));
  } catch (const SyntaxFault& fault) {
    fail(fault.code, "{}, line {}: {}", name_, fault.line, fault.what);
  }
}

Rendered Template::render(const std::vector<std::pair<std::string, Value>>& variables, const RenderOptions& options) const {
  Budget budget(options.limits);
  Interpreter interpreter(budget, options.now);
  try {
    std::string text = interpreter.run(*body_, variables);
    return {std::move(text), interpreter.generated()};
  } catch (const Fault& fault) {
    fail(fault.code, "{}, line {}: {}", name_, interpreter.line(), fault.what());
  }
}

}  // namespace qkv::jinja
