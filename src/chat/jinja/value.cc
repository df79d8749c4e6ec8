#include "chat/jinja/value.h"

#include <algorithm>
#include <cmath>

#include "base/utf8.h"

namespace qkv::jinja {
namespace {

constexpr size_t kFewEntries = 12;  // searched one by one

int deepest(const std::vector<Value>& items) {
  int depth = 0;
  for (const Value& item : items) depth = std::max(depth, item.depth());
  return depth;
}

void check_depth(int depth) {
  if (depth > kMaxValueDepth) fault("builds lists or dictionaries that nest deeper than {} levels", kMaxValueDepth);
}

// Equal for keys that Python takes for equal, different for others.
std::string hashed_form(const Value& key) {
  if (const Text* text = key.text()) return "s" + text->bytes;
  if (const auto whole = key.whole()) return fmt::format("n{}", *whole);
  if (const double* real = key.real()) {
    const bool is_whole = std::floor(*real) == *real && std::abs(*real) < 9e18;
    return is_whole ? fmt::format("n{}", static_cast<int64_t>(*real)) : fmt::format("n{}", *real);
  }
  if (key.is_none()) return "0";
  if (key.is_undefined()) return "u";
  if (const List* list = key.list(); list && list->kind == ListKind::tuple) {
    std::string form = "(";
    for (const Value& item : list->items) {
      const std::string part = hashed_form(item);
      form += fmt::format("{}:{}", part.size(), part);
    }
    return form;
  }
  if (key.object()) return fmt::format("o{}", static_cast<const void*>(key.object()));
  fault("unhashable type: '{}'", key.type_name());
}

}  // namespace

Value Object::call(Interpreter&, CallArguments&) { fault("'{}' object is not callable", type_name()); }
std::optional<Value> Object::attribute(Interpreter&, std::string_view) { return std::nullopt; }
std::string Object::repr() const { return fmt::format("<{}>", type_name()); }

Value Value::undefined(std::string why) {
  Value value;
  value.data_ = Undefined{std::make_shared<const std::string>(std::move(why))};
  return value;
}

Value Value::text(std::string bytes, Budget* budget, bool safe) {
  const size_t size = bytes.size() + sizeof(Text);
  return std::shared_ptr<const Text>(new Text{std::move(bytes), safe, Holding(budget, size)});
}

Value Value::list(std::vector<Value> items, Budget* budget, ListKind kind) {
  if (budget) budget->step(static_cast<int64_t>(items.size() / 16));
  const size_t size = items.capacity() * sizeof(Value) + sizeof(List);
  const int depth = 1 + deepest(items);
  check_depth(depth);
  return std::shared_ptr<const List>(new List{std::move(items), kind, depth, false, Holding(budget, size)});
}

Value Value::dict(Dict dict, Budget* budget) {
  if (budget) budget->step(static_cast<int64_t>(dict.size() / 4));
  check_depth(dict.depth);
  dict.holding_ = std::make_shared<Holding>(budget, dict.size() * 3 * sizeof(Dict::Entry) + sizeof(Dict));
  return std::make_shared<const Dict>(std::move(dict));
}

std::optional<int64_t> Value::whole() const {
  if (const bool* value = boolean()) return *value;
  if (const int64_t* value = integer()) return *value;
  return std::nullopt;
}

std::optional<double> Value::number() const {
  if (const double* value = real()) return *value;
  if (const auto value = whole()) return static_cast<double>(*value);
  return std::nullopt;
}

bool Value::same(const Value& other) const {
  if (data_.index() != other.data_.index()) return false;
  if (is_undefined()) return false;
  return std::visit(
      [&](const auto& held) {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, Undefined>) {
          return false;
        } else {
          return held == std::get<T>(other.data_);
        }
      },
      data_);
}

bool Value::truth() const {
  if (const bool* value = boolean()) return *value;
  if (const int64_t* value = integer()) return *value != 0;
  if (const double* value = real()) return *value != 0;
  if (const Text* value = text()) return !value->bytes.empty();
  if (const List* value = list()) return value->kind == ListKind::generator || !value->items.empty();
  if (const Dict* value = dict()) return value->size() > 0;
  return object() != nullptr;
}

std::string_view Value::type_name() const {
  if (is_undefined()) return "Undefined";
  if (is_none()) return "NoneType";
  if (boolean()) return "bool";
  if (integer()) return "int";
  if (real()) return "float";
  if (text()) return "str";
  if (dict()) return "dict";
  if (const List* value = list()) {
    constexpr std::string_view kNames[] = {"list", "tuple", "range", "dict_keys", "dict_values", "dict_items", "generator"};
    return kNames[static_cast<size_t>(value->kind)];
  }
  return object()->type_name();
}

const std::string& Value::why_undefined() const {
  static const std::string kPlain = "an undefined value is used";
  const auto& why = std::get<Undefined>(data_).why;
  return why ? *why : kPlain;
}

int Value::depth() const {
  if (const List* value = list()) return value->depth;
  if (const Dict* value = dict()) return value->depth;
  return object() ? object()->depth : 0;
}

size_t Dict::place_of(const Value& key) const {
  if (index_.empty() && key.text()) {
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
      return entry.first.text() && entry.first.text()->bytes == key.text()->bytes;
    });
    return static_cast<size_t>(found - entries_.begin());
  }
  const std::string form = hashed_form(key);
  if (!index_.empty()) {
    const auto found = index_.find(form);
    return found == index_.end() ? entries_.size() : found->second;
  }
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return hashed_form(entry.first) == form; });
  return static_cast<size_t>(found - entries_.begin());
}

const Value* Dict::find(const Value& key) const {
  const size_t place = place_of(key);
  return place < entries_.size() ? &entries_[place].second : nullptr;
}

const Value* Dict::find(std::string_view key) const {
  if (!index_.empty()) return find(Value::text(std::string(key), nullptr));
  for (const auto& [name, value] : entries_) {
    if (name.text() && name.text()->bytes == key) return &value;
  }
  return nullptr;
}

void Dict::set(Value key, Value value) {
  depth = std::max({depth, 1 + value.depth(), 1 + key.depth()});
  const size_t place = place_of(key);
  if (place < entries_.size()) {
    entries_[place].second = std::move(value);
    return;
  }
  entries_.emplace_back(std::move(key), std::move(value));
  if (!index_.empty()) index_.emplace(hashed_form(entries_.back().first), place);
  if (index_.empty() && entries_.size() > kFewEntries) {
    for (size_t i = 0; i < entries_.size(); ++i) index_.emplace(hashed_form(entries_[i].first), i);
  }
}

void Dict::set(std::string_view key, Value value) { set(Value::text(std::string(key), nullptr), std::move(value)); }

std::shared_ptr<const List> items_of(const Value& value, Budget* budget) {
  static const auto kEmpty = std::make_shared<const List>();
  if (value.is_undefined()) return kEmpty;
  if (const List* list = value.list()) {
    return list->kind == ListKind::generator && std::exchange(list->spent, true) ? kEmpty : value.shared_list();
  }
  std::vector<Value> items;
  if (const Text* text = value.text()) {
    for (size_t i = 0; i < text->bytes.size();) {
      const size_t length = utf8_length(text->bytes[i]);
      items.push_back(Value::text(text->bytes.substr(i, length), budget));
      i += length;
    }
  } else if (const Dict* dict = value.dict()) {
    for (const auto& entry : dict->entries()) items.push_back(entry.first);
  } else {
    fault("'{}' object is not iterable", value.type_name());
  }
  return Value::list(std::move(items), budget).shared_list();
}

int64_t length_of(const Value& value) {
  if (value.is_undefined()) return 0;
  if (const Text* text = value.text()) return static_cast<int64_t>(count_characters(text->bytes));
  if (const Dict* dict = value.dict()) return static_cast<int64_t>(dict->size());
  if (const List* list = value.list(); list && list->kind != ListKind::generator) return static_cast<int64_t>(list->items.size());
  fault("object of type '{}' has no len()", value.type_name());
}

}  // namespace qkv::jinja
