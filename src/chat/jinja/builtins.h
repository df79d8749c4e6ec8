// What Jinja and Python offer to a template by name: filters, tests, functions and methods.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chat/jinja/syntax.h"
#include "chat/jinja/value.h"

namespace qkv::jinja {

template <typename Function>
struct Named {
  std::string_view name;
  Function function;
};

template <typename Table>
auto find_named(const Table& table, std::string_view name) -> decltype(table[0].function) {
  for (const auto& each : table) {
    if (each.name == name) return each.function;
  }
  return nullptr;
}

// Null: there is none.
Filter find_filter(std::string_view name);
Test find_test(std::string_view name);
Filter find_text_filter(std::string_view name);
Filter find_list_filter(std::string_view name);
// Faults about a filter or test that is not here: one of Jinja's, or none at all.
[[noreturn]] void fault_unknown(std::string_view kind, std::string_view name);

// A function of the environment: range, namespace, dict, cycler, joiner, raise_exception, strftime_now. Nothing: there is none.
std::optional<Value> global_function(std::string_view name);

// Methods of texts, lists and dictionaries, as values that can be called. Nothing: Python has none of that name.
std::optional<Value> method_of(const Value& value, std::string_view name);
using Method = Value (*)(Interpreter&, const Value& self, CallArguments&);
Method find_text_method(std::string_view name);

// A namespace's attribute; faults if the value is no namespace.
void set_attribute(const Value& value, std::string_view name, Value attribute);

// The arguments of a call by the names of parameters.
class Parameters {
 public:
  // The first `required` must be given. `function` is for messages.
  Parameters(CallArguments& arguments, std::string_view function, std::initializer_list<std::string_view> names, size_t required = 0);

  bool has(size_t i) const { return values_[i].has_value(); }
  bool has_value(size_t i) const { return has(i) && !values_[i]->is_none(); }  // given, and not None
  const Value& operator[](size_t i) const { return *values_[i]; }
  Value value_or(size_t i, Value otherwise) const { return has(i) ? *values_[i] : otherwise; }
  bool truth_or(size_t i, bool otherwise) const { return has(i) ? values_[i]->truth() : otherwise; }
  int64_t integer(size_t i) const;
  int64_t integer_or(size_t i, int64_t otherwise) const { return has(i) ? integer(i) : otherwise; }
  const std::string& text(size_t i) const;

 private:
  std::string_view function_;
  std::vector<std::string_view> names_;
  std::vector<std::optional<Value>> values_;
};

// Python's % of a text: "%s of %d" % (a, b).
std::string percent_format(const std::string& pattern, const std::vector<Value>& values, const Dict* named, Budget& budget);

}  // namespace qkv::jinja
