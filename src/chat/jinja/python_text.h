// Values as text: Python's str() and repr(), and json.dumps as transformers calls it.
#pragma once

#include <string>
#include <string_view>

#include "chat/jinja/value.h"

namespace qkv::jinja {

// str(): what {{ value }} prints; nothing for an undefined value. Faults for values whose text would hold a memory address.
std::string str(const Value& value, Budget& budget);
std::string repr(const Value& value, Budget& budget);
std::string repr(std::string_view text);
std::string repr(double number);

struct JsonStyle {
  bool ensure_ascii = false, sort_keys = false;
  std::optional<std::string> indent;  // one level's; nothing: all in one line
  std::string item_separator = ", ", key_separator = ": ";
};
std::string to_json(const Value& value, const JsonStyle& style, Budget& budget);

}  // namespace qkv::jinja
