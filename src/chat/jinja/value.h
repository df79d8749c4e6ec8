// The values of a template: those of Python that Jinja shows to it.
//
// Texts, lists and dictionaries never change once they are made (Jinja's immutable sandbox); copies share them. What can change is an
// Object: a namespace, a loop, a cycler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "chat/jinja/budget.h"

namespace qkv::jinja {

class Value;
class Dict;
class Interpreter;
struct CallArguments;

// Counts memory of a value against a budget while the value lives.
class Holding {
 public:
  Holding() = default;
  Holding(Budget* budget, size_t bytes) : budget_(budget), bytes_(bytes) {
    if (budget_) budget_->take(bytes_);
  }
  ~Holding() {
    if (budget_) budget_->give_back(bytes_);
  }
  Holding(const Holding&) = delete;
  Holding& operator=(const Holding&) = delete;

 private:
  Budget* budget_ = nullptr;
  size_t bytes_ = 0;
};

struct Text {
  std::string bytes;  // valid UTF-8
  bool safe = false;  // marked as HTML by the filters `safe` and `escape` (Python's Markup)
  Holding holding;
};

// Python's kinds of sequences of values.
enum class ListKind { list, tuple, range, keys, values, items, generator };

struct List {
  std::vector<Value> items;
  ListKind kind = ListKind::list;
  int depth = 1;               // of lists and dictionaries in each other
  mutable bool spent = false;  // whether a generator has been read
  Holding holding;
};

// Something with a state or an identity.
class Object : public std::enable_shared_from_this<Object> {
 public:
  virtual ~Object() = default;
  virtual std::string_view type_name() const = 0;  // Python's
  virtual bool callable() const { return false; }
  virtual Value call(Interpreter& interpreter, CallArguments& arguments);
  virtual std::optional<Value> attribute(Interpreter& interpreter, std::string_view name);
  virtual std::string repr() const;
  int depth = 0;  // of the value that it holds, if it is a method of it
};

struct None {
  bool operator==(const None&) const = default;
};

struct Undefined {
  std::shared_ptr<const std::string> why;  // the error of using it: "'x' is undefined"
};

class Value {
 public:
  Value() = default;  // undefined
  Value(None none) : data_(none) {}
  Value(bool boolean) : data_(boolean) {}
  Value(int64_t integer) : data_(integer) {}
  Value(double real) : data_(real) {}
  Value(std::shared_ptr<const Text> text) : data_(std::move(text)) {}
  Value(std::shared_ptr<const List> list) : data_(std::move(list)) {}
  Value(std::shared_ptr<const Dict> dict) : data_(std::move(dict)) {}
  Value(std::shared_ptr<Object> object) : data_(std::move(object)) {}
  Value(const char*) = delete;  // would be a boolean

  static Value undefined(std::string why);
  // A budget of null: input, which nobody counts.
  static Value text(std::string bytes, Budget* budget, bool safe = false);
  static Value list(std::vector<Value> items, Budget* budget, ListKind kind = ListKind::list);
  static Value dict(Dict dict, Budget* budget);

  bool is_undefined() const { return std::holds_alternative<Undefined>(data_); }
  bool is_none() const { return std::holds_alternative<None>(data_); }
  const bool* boolean() const { return std::get_if<bool>(&data_); }
  const int64_t* integer() const { return std::get_if<int64_t>(&data_); }  // not for a bool
  const double* real() const { return std::get_if<double>(&data_); }
  const Text* text() const { return pointer<const Text>(); }
  const List* list() const { return pointer<const List>(); }
  const Dict* dict() const { return pointer<const Dict>(); }
  Object* object() const { return pointer<Object>(); }
  template <typename T>
  T* object_as() const {
    return dynamic_cast<T*>(object());
  }
  std::shared_ptr<const List> shared_list() const { return std::get<std::shared_ptr<const List>>(data_); }

  // An integer, or a bool as 0 or 1, as Python counts.
  std::optional<int64_t> whole() const;
  // Any number.
  std::optional<double> number() const;
  bool is_number() const { return boolean() || integer() || real(); }
  // Identity (Python's `is`).
  bool same(const Value& other) const;

  bool truth() const;
  std::string_view type_name() const;  // Python's: "str", "NoneType"
  const std::string& why_undefined() const;
  int depth() const;  // 0 for everything but lists and dictionaries

 private:
  template <typename T>
  T* pointer() const {
    const auto* held = std::get_if<std::shared_ptr<T>>(&data_);
    return held ? held->get() : nullptr;
  }

  std::variant<Undefined, None, bool, int64_t, double, std::shared_ptr<const Text>, std::shared_ptr<const List>,
               std::shared_ptr<const Dict>, std::shared_ptr<Object>>
      data_;
};

// Keeps the order in which keys came. Keys that are equal in Python (1, 1.0, True) are one.
class Dict {
 public:
  using Entry = std::pair<Value, Value>;

  const std::vector<Entry>& entries() const { return entries_; }
  size_t size() const { return entries_.size(); }
  const Value* find(std::string_view key) const;
  const Value* find(const char* key) const { return find(std::string_view(key)); }
  const Value* find(const Value& key) const;  // faults for keys without a hash, such as lists
  void set(Value key, Value value);
  void set(std::string_view key, Value value);
  void set(const char* key, Value value) { set(std::string_view(key), std::move(value)); }
  int depth = 1;

 private:
  friend class Value;
  size_t place_of(const Value& key) const;

  std::vector<Entry> entries_;
  std::unordered_map<std::string, size_t> index_;  // by hashed form; empty while there are few entries
  std::shared_ptr<Holding> holding_;
};

struct CallArguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

// Lists and dictionaries nest no deeper: freeing, comparing and printing them recurses.
inline constexpr int kMaxValueDepth = 100;

// The items that Python's iter() gives: of a list, the characters of a text, the keys of a dictionary, nothing for an undefined value.
// Faults for what cannot be iterated. A generator can be read once.
std::shared_ptr<const List> items_of(const Value& value, Budget* budget);

// The same for range-based loops, which keep it alive.
class EachItem {
 public:
  EachItem(const Value& value, Budget* budget) : list_(items_of(value, budget)) {}
  auto begin() const { return list_->items.begin(); }
  auto end() const { return list_->items.end(); }

 private:
  std::shared_ptr<const List> list_;
};

// len(); faults for what has no length.
int64_t length_of(const Value& value);

}  // namespace qkv::jinja
