// Jinja's filters of lists and dictionaries.
#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.h"
#include "chat/jinja/builtins.h"
#include "chat/jinja/interpreter.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/python_string.h"
#include "chat/jinja/python_text.h"

namespace qkv::jinja {
namespace {

using Items = std::vector<Value>;

// attribute='a.b.0': attributes or indices, one after another.
class AttributePath {
 public:
  AttributePath(const Value& path, std::optional<Value> otherwise = std::nullopt) : otherwise_(std::move(otherwise)) {
    if (path.whole()) {
      parts_.push_back(path);
    } else if (path.text()) {
      for (const std::string_view part : split_at(path.text()->bytes, ".", -1, false)) {
        int64_t index = 0;
        const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
        const bool is_index = error == std::errc() && end == part.data() + part.size() && index >= 0;
        parts_.push_back(is_index ? Value(index) : Value::text(std::string(part), nullptr));
      }
    } else if (!path.is_none()) {
      fault("'attribute' must be a string or a whole number, not {}", path.type_name());
    }
  }
  Value of(Interpreter& interpreter, Value value) const {
    for (const Value& part : parts_) {
      value = get_item(interpreter, value, part);
      if (value.is_undefined() && otherwise_) value = *otherwise_;
    }
    return value;
  }

 private:
  Items parts_;
  std::optional<Value> otherwise_;
};

Value case_folded(Interpreter& interpreter, const Value& value, bool case_sensitive) {
  return value.text() && !case_sensitive ? interpreter.text(lower(value.text()->bytes)) : value;
}

// Sorts by keys as Python does: stable, also in reverse.
void sort_by(Interpreter& interpreter, std::vector<std::pair<Value, Value>>& keyed, bool reverse) {
  if (reverse) std::reverse(keyed.begin(), keyed.end());
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) { return less(a.first, b.first, interpreter.budget()); });
  if (reverse) std::reverse(keyed.begin(), keyed.end());
}

Value length(Interpreter&, const Value& value, CallArguments& arguments) {
  const Parameters none(arguments, "length", {});
  return length_of(value);
}

Value default_filter(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters given(arguments, "default", {"default_value", "boolean"});
  const bool absent = value.is_undefined() || (given.truth_or(1, false) && !value.truth());
  return absent ? given.value_or(0, interpreter.text("")) : value;
}

Value first(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters none(arguments, "first", {});
  const auto items = items_of(value, &interpreter.budget());
  return items->items.empty() ? Value::undefined("No first item, sequence was empty.") : items->items.front();
}

Value last(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters none(arguments, "last", {});
  if (value.list() && value.list()->kind == ListKind::generator) fault("'generator' object is not reversible");
  const auto items = items_of(value, &interpreter.budget());
  return items->items.empty() ? Value::undefined("No last item, sequence was empty.") : items->items.back();
}

Value join(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters given(arguments, "join", {"d", "attribute"});
  Budget& budget = interpreter.budget();
  const std::string separator = given.has(0) ? str(given[0], budget) : "";
  const AttributePath path(given.has(1) ? given[1] : Value(None{}));
  std::string out;
  bool first = true;
  for (const Value& item : EachItem(value, &budget)) {
    if (!std::exchange(first, false)) out += separator;
    const Value part = path.of(interpreter, item);
    out += str(part, budget);
    budget.require_room(out.size());
  }
  return interpreter.text(std::move(out));
}

Value list_filter(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters none(arguments, "list", {});
  return interpreter.list(items_of(value, &interpreter.budget())->items);
}

Value items_filter(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters none(arguments, "items", {});
  if (value.is_undefined()) return interpreter.list({}, ListKind::generator);
  if (!value.dict()) fault("Can only get item pairs from a mapping.");
  Items pairs;
  for (const auto& [key, each] : value.dict()->entries()) pairs.push_back(interpreter.list({key, each}, ListKind::tuple));
  return interpreter.list(std::move(pairs), ListKind::generator);
}

Value reverse(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters none(arguments, "reverse", {});
  require_defined(value);
  Items items = items_of(value, &interpreter.budget())->items;
  std::reverse(items.begin(), items.end());
  if (!value.text()) return interpreter.list(std::move(items), ListKind::generator);
  std::string out;
  for (const Value& item : items) out += item.text()->bytes;
  return interpreter.text(std::move(out));
}

Value map(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const auto named = [&](std::string_view name) -> std::optional<Value> {
    for (const auto& [each, argument] : arguments.named) {
      if (each == name) return argument;
    }
    return std::nullopt;
  };
  Items out;
  if (arguments.positional.empty()) {
    const auto attribute = named("attribute");
    if (!attribute) fault("map requires a filter argument");
    const AttributePath path(*attribute, named("default"));
    for (const Value& item : EachItem(value, &interpreter.budget())) out.push_back(path.of(interpreter, item));
    return interpreter.list(std::move(out), ListKind::generator);
  }
  const std::string name = str(arguments.positional[0], interpreter.budget());
  const Filter filter = find_filter(name);
  if (!filter) fault_unknown("filter", name);
  arguments.positional.erase(arguments.positional.begin());
  for (const Value& item : EachItem(value, &interpreter.budget())) {
    const Budget::Level level(interpreter.budget());
    interpreter.budget().step();
    CallArguments own = arguments;
    out.push_back(filter(interpreter, item, own));
  }
  return interpreter.list(std::move(out), ListKind::generator);
}

// select and reject, of items or of an attribute of them.
template <bool wanted, bool by_attribute>
Value select(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  std::optional<AttributePath> path;
  if (by_attribute) {
    if (arguments.positional.empty()) fault("selectattr and rejectattr need the name of an attribute");
    path.emplace(arguments.positional[0]);
    arguments.positional.erase(arguments.positional.begin());
  }
  Test test = nullptr;
  if (!arguments.positional.empty()) {
    const std::string name = str(arguments.positional[0], interpreter.budget());
    test = find_test(name);
    if (!test) fault_unknown("test", name);
    arguments.positional.erase(arguments.positional.begin());
  }
  Items out;
  for (const Value& item : EachItem(value, &interpreter.budget())) {
    interpreter.budget().step();
    const Value looked_at = path ? path->of(interpreter, item) : item;
    CallArguments own = arguments;
    if ((test ? test(interpreter, looked_at, own) : looked_at.truth()) == wanted) out.push_back(item);
  }
  return interpreter.list(std::move(out), ListKind::generator);
}

Value sort(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters given(arguments, "sort", {"reverse", "case_sensitive", "attribute"});
  std::vector<AttributePath> paths;
  if (given.has_value(2) && given[2].text()) {
    for (const std::string_view part : split_at(given.text(2), ",", -1, false)) paths.emplace_back(interpreter.text(std::string(part)));
  } else {
    paths.emplace_back(given.value_or(2, None{}));
  }
  std::vector<std::pair<Value, Value>> keyed;
  for (const Value& item : EachItem(value, &interpreter.budget())) {
    Items key;
    for (const AttributePath& path : paths) key.push_back(case_folded(interpreter, path.of(interpreter, item), given.truth_or(1, false)));
    keyed.emplace_back(key.size() == 1 ? key[0] : interpreter.list(key), item);
  }
  sort_by(interpreter, keyed, given.truth_or(0, false));
  Items out;
  for (auto& each : keyed) out.push_back(std::move(each.second));
  return interpreter.list(std::move(out));
}

Value dict_sort(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters given(arguments, "dictsort", {"case_sensitive", "by", "reverse"});
  require_defined(value);
  if (!value.dict()) fault("'{}' object has no attribute 'items'", value.type_name());
  const std::string by = given.has(1) ? given.text(1) : "key";
  if (by != "key" && by != "value") fault("You can only sort by either \"key\" or \"value\"");
  std::vector<std::pair<Value, Value>> keyed;
  for (const auto& [key, each] : value.dict()->entries()) {
    keyed.emplace_back(case_folded(interpreter, by == "key" ? key : each, given.truth_or(0, false)),
                       interpreter.list({key, each}, ListKind::tuple));
  }
  sort_by(interpreter, keyed, given.truth_or(2, false));
  Items out;
  for (auto& each : keyed) out.push_back(std::move(each.second));
  return interpreter.list(std::move(out));
}

Value unique(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters given(arguments, "unique", {"case_sensitive", "attribute"});
  const AttributePath path(given.value_or(1, None{}));
  Dict seen;
  Items out;
  for (const Value& item : EachItem(value, &interpreter.budget())) {
    interpreter.budget().step();
    const Value key = case_folded(interpreter, path.of(interpreter, item), given.truth_or(0, false));
    if (seen.find(key)) continue;
    seen.set(key, true);
    out.push_back(item);
  }
  return interpreter.list(std::move(out), ListKind::generator);
}

template <bool largest>
Value extreme(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters given(arguments, largest ? "max" : "min", {"case_sensitive", "attribute"});
  const AttributePath path(given.value_or(1, None{}));
  std::optional<std::pair<Value, Value>> best;
  for (const Value& item : EachItem(value, &interpreter.budget())) {
    const Value key = case_folded(interpreter, path.of(interpreter, item), given.truth_or(0, false));
    const bool better = !best || (largest ? less(best->first, key, interpreter.budget()) : less(key, best->first, interpreter.budget()));
    if (better) best.emplace(key, item);
  }
  return best ? best->second : Value::undefined("No aggregated item, sequence was empty.");
}

Value sum(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters given(arguments, "sum", {"attribute", "start"});
  const AttributePath path(given.value_or(0, None{}));
  Value total = given.value_or(1, int64_t{0});
  if (total.text()) fault("sum() can't sum strings");
  for (const Value& item : EachItem(value, &interpreter.budget())) {
    total = binary(Operator::add, total, path.of(interpreter, item), interpreter.budget());
  }
  return total;
}

Value batch(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters given(arguments, "batch", {"linecount", "fill_with"}, 1);
  const int64_t count = given.integer(0);
  Items out, row;
  const auto end_row = [&] { out.push_back(interpreter.list(std::exchange(row, {}))); };
  for (const Value& item : EachItem(value, &interpreter.budget())) {
    if (static_cast<int64_t>(row.size()) == count) end_row();
    row.push_back(item);
  }
  if (row.empty()) return interpreter.list(std::move(out), ListKind::generator);
  if (given.has_value(1) && count - static_cast<int64_t>(row.size()) > 100'000) fault("batch fills more than 100000 places");
  while (given.has_value(1) && static_cast<int64_t>(row.size()) < count) row.push_back(given[1]);
  end_row();
  return interpreter.list(std::move(out), ListKind::generator);
}

Value slice(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters given(arguments, "slice", {"slices", "fill_with"}, 1);
  const auto items = items_of(value, &interpreter.budget());
  const int64_t slices = given.integer(0), size = static_cast<int64_t>(items->items.size());
  if (slices < 1 || slices > 100'000) fault("slice takes 1 to 100000 slices");
  Items out;
  int64_t at = 0;
  for (int64_t i = 0; i < slices; ++i) {
    const int64_t count = size / slices + (i < size % slices);
    Items row(items->items.begin() + at, items->items.begin() + at + count);
    at += count;
    if (given.has_value(1) && i >= size % slices) row.push_back(given[1]);
    out.push_back(interpreter.list(std::move(row)));
  }
  return interpreter.list(std::move(out), ListKind::generator);
}

Value attr(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters given(arguments, "attr", {"name"}, 1);
  require_defined(value);
  const std::string name = str(given[0], interpreter.budget());
  if (Object* object = value.object()) {
    auto found = object->attribute(interpreter, name);
    if (found) return std::move(*found);
  } else if (auto method = method_of(value, name)) {
    return std::move(*method);
  }
  return Value::undefined(fmt::format("'{}' has no attribute '{}'", value.type_name(), shortened(name, 40)));
}

constexpr std::array<Named<Filter>, 24> kFilters = {{{"length", length},
                                                     {"count", length},
                                                     {"default", default_filter},
                                                     {"d", default_filter},
                                                     {"first", first},
                                                     {"last", last},
                                                     {"join", join},
                                                     {"list", list_filter},
                                                     {"items", items_filter},
                                                     {"reverse", reverse},
                                                     {"map", map},
                                                     {"select", select<true, false>},
                                                     {"reject", select<false, false>},
                                                     {"selectattr", select<true, true>},
                                                     {"rejectattr", select<false, true>},
                                                     {"sort", sort},
                                                     {"dictsort", dict_sort},
                                                     {"unique", unique},
                                                     {"min", extreme<false>},
                                                     {"max", extreme<true>},
                                                     {"sum", sum},
                                                     {"batch", batch},
                                                     {"slice", slice},
                                                     {"attr", attr}}};

}  // namespace

Filter find_list_filter(std::string_view name) { return find_named(kFilters, name); }

Filter find_filter(std::string_view name) {
  const Filter filter = find_text_filter(name);
  return filter ? filter : find_list_filter(name);
}

}  // namespace qkv::jinja
