// Methods as values, and those of lists and dictionaries.
#include <algorithm>
#include <array>
#include <span>

#include "chat/jinja/builtins.h"
#include "chat/jinja/interpreter.h"
#include "chat/jinja/operators.h"

namespace qkv::jinja {
namespace {

class BoundMethod : public Object {
 public:
  BoundMethod(Value self, Method method) : self_(std::move(self)), method_(method) {
    depth = 1 + self_.depth();
    if (depth > kMaxValueDepth) fault("builds methods of values that nest deeper than {} levels", kMaxValueDepth);
  }
  std::string_view type_name() const override { return "method"; }
  bool callable() const override { return true; }
  Value call(Interpreter& interpreter, CallArguments& arguments) override { return method_(interpreter, self_, arguments); }

 private:
  Value self_;
  Method method_;
};

// A method that changes its object, which the immutable sandbox forbids, or that is beyond the subset.
class RefusedMethod : public Object {
 public:
  RefusedMethod(std::string what, bool unsafe) : what_(std::move(what)), unsafe_(unsafe) {}
  std::string_view type_name() const override { return "method"; }
  bool callable() const override { return true; }
  Value call(Interpreter&, CallArguments&) override {
    if (unsafe_) fault("access to {} is unsafe: templates cannot change values", what_);
    fault_unsupported("{} is not supported", what_);
  }

 private:
  std::string what_;
  bool unsafe_;
};

Value get(Interpreter&, const Value& self, CallArguments& arguments) {
  const Parameters given(arguments, "dict.get()", {"key", "default"}, 1);
  const Value* found = self.dict()->find(given[0]);
  return found ? *found : given.value_or(1, None{});
}

template <ListKind kind>
Value view(Interpreter& interpreter, const Value& self, CallArguments& arguments) {
  const Parameters none(arguments, "this method", {});
  std::vector<Value> items;
  for (const auto& [key, value] : self.dict()->entries()) {
    items.push_back(kind == ListKind::keys ? key : kind == ListKind::values ? value : interpreter.list({key, value}, ListKind::tuple));
  }
  return interpreter.list(std::move(items), kind);
}

Value copy(Interpreter&, const Value& self, CallArguments& arguments) {
  const Parameters none(arguments, "copy()", {});
  return self;  // nothing can change it
}

Value count(Interpreter& interpreter, const Value& self, CallArguments& arguments) {
  const Parameters given(arguments, "count()", {"value"}, 1);
  int64_t count = 0;
  for (const Value& item : self.list()->items) count += equal(item, given[0], interpreter.budget());
  return count;
}

Value index(Interpreter& interpreter, const Value& self, CallArguments& arguments) {
  const Parameters given(arguments, "index()", {"value", "start", "stop"}, 1);
  const auto size = static_cast<int64_t>(self.list()->items.size());
  const auto bound = [&](size_t i, int64_t otherwise) {
    const int64_t at = given.integer_or(i, otherwise);
    return std::clamp<int64_t>(at < 0 ? std::max(at, -size) + size : at, 0, size);
  };
  for (int64_t i = bound(1, 0); i < bound(2, size); ++i) {
    if (equal(self.list()->items[static_cast<size_t>(i)], given[0], interpreter.budget())) return i;
  }
  fault("the value is not in the list");
}

constexpr std::array<Named<Method>, 5> kDictMethods = {
    {{"get", get}, {"keys", view<ListKind::keys>}, {"values", view<ListKind::values>}, {"items", view<ListKind::items>}, {"copy", copy}}};
constexpr std::array<Named<Method>, 3> kListMethods = {{{"copy", copy}, {"count", count}, {"index", index}}};

using Names = std::span<const std::string_view>;
constexpr std::string_view kDictChanges[] = {"clear", "pop", "popitem", "setdefault", "update"};
constexpr std::string_view kListChanges[] = {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"};
constexpr std::string_view kOtherDictMethods[] = {"fromkeys"};
constexpr std::string_view kOtherTextMethods[] = {"encode", "expandtabs", "format_map", "isidentifier", "maketrans", "translate"};

bool among(Names names, std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); }

}  // namespace

std::optional<Value> method_of(const Value& value, std::string_view name) {
  Method method = nullptr;
  bool unsafe = false, unsupported = false;
  if (value.text()) {
    method = find_text_method(name);
    unsupported = among(kOtherTextMethods, name) || (value.text()->safe && method);
  } else if (value.dict()) {
    method = find_named(kDictMethods, name);
    unsafe = among(kDictChanges, name);
    unsupported = among(kOtherDictMethods, name);
  } else if (const List* list = value.list(); list && (list->kind == ListKind::list || list->kind == ListKind::tuple)) {
    const bool tuple = list->kind == ListKind::tuple;
    method = tuple && name == "copy" ? nullptr : find_named(kListMethods, name);
    unsafe = !tuple && among(kListChanges, name);
  }
  if (unsafe || unsupported) {
    const std::string what = fmt::format("the {} '{}' of a {}", unsafe ? "attribute" : "method", name, value.type_name());
    return Value(std::shared_ptr<Object>(std::make_shared<RefusedMethod>(what, unsafe)));
  }
  if (!method) return std::nullopt;
  return Value(std::shared_ptr<Object>(std::make_shared<BoundMethod>(value, method)));
}

}  // namespace qkv::jinja
