// JSON as values of a template: objects keep the order of their keys.
#pragma once

#include <string>
#include <string_view>

#include "chat/jinja/value.h"

namespace qkv::jinja {

// Throws Error(bad_input) with `name` and the line for a syntax error, a key that comes twice, nesting deeper than 64 and whole numbers of
// more than 64 bits.
Value parse_json_value(std::string_view json, const std::string& name);

}  // namespace qkv::jinja
