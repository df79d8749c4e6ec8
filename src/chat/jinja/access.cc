// Jinja's access to attributes, items and slices.
#include <algorithm>

#include "base/error.h"
#include "chat/jinja/builtins.h"
#include "chat/jinja/interpreter.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/python_string.h"
#include "chat/jinja/python_text.h"

namespace qkv::jinja {
namespace {

// The item of a list or text at an index, which counts from the end if it is negative.
std::optional<Value> item_at(const Value& value, int64_t index, Budget& budget) {
  if (const List* list = value.list()) {
    const bool indexed = list->kind == ListKind::list || list->kind == ListKind::tuple || list->kind == ListKind::range;
    const auto size = static_cast<int64_t>(list->items.size());
    if (index < 0) index += size;
    if (!indexed || index < 0 || index >= size) return std::nullopt;
    return list->items[static_cast<size_t>(index)];
  }
  const Text* text = value.text();
  if (!text) return std::nullopt;
  budget.scan(text->bytes.size());
  const int64_t length = length_of(value);
  if (index < 0) index += length;
  if (index < 0 || index >= length) return std::nullopt;
  return Value::text(std::string(characters(text->bytes, index, index + 1)), &budget);
}

std::optional<Value> find_item(const Value& value, const Value& key, Budget& budget) {
  if (const Dict* dict = value.dict()) {
    const Value* found = dict->find(key);
    if (found) return *found;
    return std::nullopt;
  }
  if (const auto whole = key.whole()) return item_at(value, *whole, budget);
  return std::nullopt;
}

std::optional<Value> find_attribute(Interpreter& interpreter, const Value& value, std::string_view name) {
  if (Object* object = value.object()) return object->attribute(interpreter, name);
  return method_of(value, name);
}

Value missing(const Value& value, const Value& key) {
  if (value.is_none())
    return Value::undefined(fmt::format("'None' has no attribute {}", key.text() ? repr(key.text()->bytes) : "of that kind"));
  if (key.text())
    return Value::undefined(fmt::format("'{} object' has no attribute '{}'", value.type_name(), shortened(key.text()->bytes, 60)));
  return Value::undefined(key.whole() ? fmt::format("{} object has no element {}", value.type_name(), *key.whole())
                                      : fmt::format("{} object has no such element", value.type_name()));
}

}  // namespace

Value get_attribute(Interpreter& interpreter, const Value& value, std::string_view name) {
  require_defined(value);
  if (auto found = find_attribute(interpreter, value, name)) return std::move(*found);
  if (const Dict* dict = value.dict()) {
    if (const Value* found = dict->find(name)) return *found;
  }
  return missing(value, Value::text(std::string(name), nullptr));
}

Value get_item(Interpreter& interpreter, const Value& value, const Value& key) {
  require_defined(value);
  if (key.dict() || (key.list() && key.list()->kind != ListKind::tuple && value.dict())) return missing(value, key);
  if (auto found = find_item(value, key, interpreter.budget())) return std::move(*found);
  if (key.text()) {
    if (auto found = find_attribute(interpreter, value, key.text()->bytes)) return std::move(*found);
  }
  return missing(value, key);
}

Value get_slice(const Value& value, const Value* begin, const Value* end, const Value* step, Budget& budget) {
  require_defined(value);
  const List* list = value.list();
  const bool sliced =
      value.text() || (list && (list->kind == ListKind::list || list->kind == ListKind::tuple || list->kind == ListKind::range));
  const auto position = [&](const Value* each) -> std::optional<int64_t> {
    if (!each || each->is_none()) return std::nullopt;
    require_defined(*each);
    if (!each->whole()) fault("slice indices must be integers or None");
    return each->whole();
  };
  if (!sliced) return Value::undefined(fmt::format("'{}' object cannot be sliced", value.type_name()));
  const int64_t by = position(step).value_or(1), size = length_of(value);
  if (by == 0) fault("slice step cannot be zero");
  const auto bound = [&](std::optional<int64_t> given, int64_t otherwise) {
    if (!given) return otherwise;
    const int64_t at = *given < 0 ? std::max<int64_t>(*given, INT64_MIN + size) + size : *given;
    return by > 0 ? std::clamp<int64_t>(at, 0, size) : std::clamp<int64_t>(at, -1, size - 1);
  };
  const int64_t first = bound(position(begin), by > 0 ? 0 : size - 1), last = bound(position(end), by > 0 ? size : -1);
  if (const Text* text = value.text(); text && by == 1) {
    return Value::text(std::string(characters(text->bytes, first, std::max(first, last))), &budget);
  }
  const auto source = items_of(value, &budget);
  std::vector<Value> items;
  for (int64_t i = first; by > 0 ? i < last : i > last;) {
    items.push_back(source->items[static_cast<size_t>(i)]);
    if (__builtin_add_overflow(i, by, &i)) break;
  }
  if (!value.text()) return Value::list(std::move(items), &budget, list->kind);
  std::string bytes;
  for (const Value& item : items) bytes += item.text()->bytes;
  return Value::text(std::move(bytes), &budget);
}

}  // namespace qkv::jinja
