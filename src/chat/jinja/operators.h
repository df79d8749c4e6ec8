// Python's operators on values, and Jinja's access to attributes and items.
#pragma once

#include <string_view>

#include "chat/jinja/syntax.h"
#include "chat/jinja/value.h"

namespace qkv::jinja {

Value binary(Operator operation, const Value& left, const Value& right, Budget& budget);
bool compare(Operator operation, const Value& left, const Value& right, Budget& budget);
bool equal(const Value& left, const Value& right, Budget& budget);
bool less(const Value& left, const Value& right, Budget& budget, std::string_view sign = "<");
bool contains(const Value& container, const Value& item, Budget& budget);
Value negative(const Value& value);

// value.name: a method or attribute, otherwise an item, otherwise an undefined value. Faults for undefined values.
Value get_attribute(Interpreter& interpreter, const Value& value, std::string_view name);
// value[key]: an item, otherwise an attribute, otherwise an undefined value.
Value get_item(Interpreter& interpreter, const Value& value, const Value& key);
// value[begin:end:step]; null: left out.
Value get_slice(const Value& value, const Value* begin, const Value* end, const Value* step, Budget& budget);

// Faults with the reason if the value is undefined.
void require_defined(const Value& value);

}  // namespace qkv::jinja
