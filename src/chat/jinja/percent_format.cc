// Python's % on a text.
#include <algorithm>
#include <cctype>
#include <cstdio>

#include "base/utf8.h"
#include "chat/jinja/builtins.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/python_string.h"
#include "chat/jinja/python_text.h"

namespace qkv::jinja {
namespace {

// %[(name)][flags][width][.precision]letter
struct Directive {
  std::string name, flags;
  int width = 0, precision = -1;
  char letter = ' ';
};

int read_size(const std::string& pattern, size_t& at) {
  int size = 0;
  while (at < pattern.size() && std::isdigit(static_cast<unsigned char>(pattern[at]))) {
    size = size * 10 + (pattern[at++] - '0');
    if (size > 10'000) fault("a % format is wider than 10000 characters");
  }
  return size;
}

// `at`: behind the %.
Directive read_directive(const std::string& pattern, size_t& at) {
  Directive directive;
  if (at < pattern.size() && pattern[at] == '(') {
    const size_t end = pattern.find(')', at);
    if (end == std::string::npos) fault("incomplete format key");
    directive.name = pattern.substr(at + 1, end - at - 1);
    at = end + 1;
  }
  while (at < pattern.size() && std::string_view("-+ 0#").find(pattern[at]) != std::string_view::npos) directive.flags += pattern[at++];
  directive.width = read_size(pattern, at);
  if (at < pattern.size() && pattern[at] == '.') directive.precision = read_size(pattern, ++at);
  if (at >= pattern.size()) fault("incomplete format");
  directive.letter = pattern[at++];
  return directive;
}

std::string padded(std::string text, const Directive& directive) {
  const size_t length = count_characters(text), width = static_cast<size_t>(directive.width);
  if (length >= width) return text;
  const std::string spaces(width - length, ' ');
  return directive.flags.find('-') == std::string::npos ? spaces + text : text + spaces;
}

std::string formatted_number(const Directive& directive, const Value& value) {
  require_defined(value);
  if (!value.is_number()) fault("%{} format: a real number is required, not {}", directive.letter, value.type_name());
  const bool real = std::string_view("eEfFgG").find(directive.letter) != std::string_view::npos;
  const std::string precision = directive.precision >= 0 ? "." + std::to_string(directive.precision) : "";
  const std::string pattern = "%" + directive.flags + (directive.width ? std::to_string(directive.width) : "") + precision +
                              (real ? "" : "l") + (directive.letter == 'i' ? 'd' : directive.letter);
  std::string out(static_cast<size_t>(directive.width + std::max(directive.precision, 0)) + 400, '\0');
  const int64_t whole = value.whole() ? *value.whole() : real ? 0 : static_cast<int64_t>(*value.number());
  const int size = real ? std::snprintf(out.data(), out.size(), pattern.c_str(), *value.number())
                        : std::snprintf(out.data(), out.size(), pattern.c_str(), static_cast<long>(whole));
  out.resize(static_cast<size_t>(size));
  return out;
}

std::string formatted(const Directive& directive, const Value& value, Budget& budget) {
  switch (directive.letter) {
    case 's':
    case 'r': {
      std::string text = directive.letter == 's' ? str(value, budget) : repr(value, budget);
      if (directive.precision >= 0) text = std::string(characters(text, 0, directive.precision));
      return padded(std::move(text), directive);
    }
    case 'd':
    case 'i':
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G': return formatted_number(directive, value);
    case 'x':
    case 'X':
    case 'o':
      if (!value.whole() || *value.whole() < 0) fault_unsupported("%{} formats only whole numbers from 0 on", directive.letter);
      return formatted_number(directive, value);
    default: fault("unsupported format character '{}'", directive.letter);
  }
}

}  // namespace

std::string percent_format(const std::string& pattern, const std::vector<Value>& values, const Dict* named, Budget& budget) {
  std::string out;
  size_t next = 0;
  bool used_names = false;
  for (size_t i = 0; i < pattern.size();) {
    if (pattern[i] != '%') {
      out += pattern[i++];
      continue;
    }
    const Directive directive = read_directive(pattern, ++i);
    if (directive.letter == '%') {
      out += '%';
      continue;
    }
    if (!directive.name.empty()) {
      const Value* value = named ? named->find(directive.name) : nullptr;
      if (!value) fault("the format has no value '{}'", directive.name);
      used_names = true;
      out += formatted(directive, *value, budget);
    } else {
      if (next >= values.size()) fault("not enough arguments for format string");
      out += formatted(directive, values[next++], budget);
    }
    budget.require_room(out.size());
  }
  if (next < values.size() && !named && !used_names) fault("not all arguments converted during string formatting");
  return out;
}

}  // namespace qkv::jinja
