// Jinja's tests: {{ value is NAME }}.
#include <algorithm>
#include <array>

#include "chat/jinja/builtins.h"
#include "chat/jinja/interpreter.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/python_string.h"
#include "chat/jinja/python_text.h"

namespace qkv::jinja {
namespace {

template <Operator operation>
bool compared(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters given(arguments, "a comparing test", {"other"}, 1);
  return compare(operation, value, given[0], interpreter.budget());
}

void no_arguments(CallArguments& arguments) { const Parameters none(arguments, "this test", {}); }

template <bool (*test)(const Value&)>
bool plain(Interpreter&, const Value& value, CallArguments& arguments) {
  no_arguments(arguments);
  return test(value);
}

int64_t remainder(const Value& value, int64_t by) {
  require_defined(value);
  if (!value.whole()) fault("not all arguments converted: this test needs a whole number, not {}", value.type_name());
  if (by == 0) fault("integer modulo by zero");
  return by == -1 ? 0 : *value.whole() % by;
}

bool is_sequence(const Value& value) {
  const List* list = value.list();
  const bool indexed = list && (list->kind == ListKind::list || list->kind == ListKind::tuple || list->kind == ListKind::range);
  return value.is_undefined() || value.text() || value.dict() || indexed;
}

bool divisible_by(Interpreter&, const Value& value, CallArguments& arguments) {
  const Parameters given(arguments, "divisibleby", {"num"}, 1);
  return remainder(value, given.integer(0)) == 0;
}

bool same_as(Interpreter&, const Value& value, CallArguments& arguments) {
  const Parameters given(arguments, "sameas", {"other"}, 1);
  return value.same(given[0]);
}

// str.islower() and str.isupper(): there is a letter with case, and none of the other.
template <bool is_upper>
bool has_case(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  no_arguments(arguments);
  const std::string text = str(value, interpreter.budget());
  return text == (is_upper ? upper(text) : lower(text)) && text != (is_upper ? lower(text) : upper(text));
}

constexpr std::array<Named<Test>, 38> kTests = {{
    {"defined", plain<[](const Value& value) { return !value.is_undefined(); }>},
    {"undefined", plain<[](const Value& value) { return value.is_undefined(); }>},
    {"none", plain<[](const Value& value) { return value.is_none(); }>},
    {"boolean", plain<[](const Value& value) { return value.boolean() != nullptr; }>},
    {"true", plain<[](const Value& value) { return value.boolean() && *value.boolean(); }>},
    {"false", plain<[](const Value& value) { return value.boolean() && !*value.boolean(); }>},
    {"integer", plain<[](const Value& value) { return value.integer() != nullptr; }>},
    {"float", plain<[](const Value& value) { return value.real() != nullptr; }>},
    {"number", plain<[](const Value& value) { return value.is_number(); }>},
    {"string", plain<[](const Value& value) { return value.text() != nullptr; }>},
    {"mapping", plain<[](const Value& value) { return value.dict() != nullptr; }>},
    {"sequence", plain<is_sequence>},
    {"iterable", plain<[](const Value& value) { return value.is_undefined() || value.text() || value.list() || value.dict(); }>},
    {"callable", plain<[](const Value& value) { return value.is_undefined() || (value.object() && value.object()->callable()); }>},
    {"escaped", plain<[](const Value& value) { return value.text() && value.text()->safe; }>},
    {"odd", plain<[](const Value& value) { return remainder(value, 2) != 0; }>},
    {"even", plain<[](const Value& value) { return remainder(value, 2) == 0; }>},
    {"divisibleby", divisible_by},
    {"sameas", same_as},
    {"lower", has_case<false>},
    {"upper", has_case<true>},
    {"in", compared<Operator::in>},
    {"eq", compared<Operator::equal>},
    {"equalto", compared<Operator::equal>},
    {"==", compared<Operator::equal>},
    {"ne", compared<Operator::not_equal>},
    {"!=", compared<Operator::not_equal>},
    {"lt", compared<Operator::less>},
    {"lessthan", compared<Operator::less>},
    {"<", compared<Operator::less>},
    {"le", compared<Operator::less_equal>},
    {"<=", compared<Operator::less_equal>},
    {"gt", compared<Operator::greater>},
    {"greaterthan", compared<Operator::greater>},
    {">", compared<Operator::greater>},
    {"ge", compared<Operator::greater_equal>},
    {">=", compared<Operator::greater_equal>},
    {"filter",
     [](Interpreter& interpreter, const Value& value, CallArguments&) { return find_filter(str(value, interpreter.budget())) != nullptr; }},
}};

}  // namespace

Test find_test(std::string_view name) { return find_named(kTests, name); }

}  // namespace qkv::jinja
