// The interpreter's evaluation of expressions.
#include <algorithm>

#include "chat/jinja/builtins.h"
#include "chat/jinja/interpreter.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/python_text.h"

namespace qkv::jinja {

using Kind = Expression::Kind;

Value Interpreter::evaluate(const Expression& node, const ScopePtr& scope) {
  const Budget::Level level(budget_);
  budget_.step();
  line_ = node.line;
  const auto child = [&](size_t i) { return evaluate(*node.children[i], scope); };
  switch (node.kind) {
    case Kind::constant: return node.value;
    case Kind::name: return evaluate_name(node, scope);
    case Kind::list: return list(evaluate_all(node.children, scope));
    case Kind::tuple: return list(evaluate_all(node.children, scope), ListKind::tuple);
    case Kind::dict: return evaluate_dict(node, scope);
    case Kind::attribute: return get_attribute(*this, child(0), node.name);
    case Kind::item: {
      const Value value = child(0);
      return get_item(*this, value, child(1));
    }
    case Kind::slice: return evaluate_slice(node, scope);
    case Kind::call: return evaluate_call(node, scope);
    case Kind::filter: return evaluate_filter(node, scope);
    case Kind::test: return evaluate_test(node, scope);
    case Kind::negative: return negative(child(0));
    case Kind::positive: {
      Value value = child(0);
      require_defined(value);
      if (!value.is_number()) fault("bad operand type for unary +: '{}'", value.type_name());
      return value.boolean() ? Value(*value.whole()) : value;
    }
    case Kind::logical_not: return !child(0).truth();
    case Kind::logical_and: {
      Value left = child(0);
      return left.truth() ? child(1) : left;
    }
    case Kind::logical_or: {
      Value left = child(0);
      return left.truth() ? left : child(1);
    }
    case Kind::binary: {
      const Value left = child(0);
      const Value right = child(1);
      line_ = node.line;
      return binary(node.operators[0], left, right, budget_);
    }
    case Kind::compare: return evaluate_compare(node, scope);
    case Kind::concat: return evaluate_concat(node, scope);
    case Kind::conditional: return evaluate_conditional(node, scope);
  }
  return Value();
}

std::vector<Value> Interpreter::evaluate_all(const std::vector<ExpressionPtr>& nodes, const ScopePtr& scope) {
  std::vector<Value> values;
  values.reserve(nodes.size());
  for (const ExpressionPtr& node : nodes) values.push_back(evaluate(*node, scope));
  return values;
}

Value Interpreter::evaluate_name(const Expression& node, const ScopePtr& scope) const {
  for (const Scope* at = scope.get(); at; at = at->outer.get()) {
    const auto found = at->variables.find(node.name);
    if (found != at->variables.end()) return found->second;
  }
  if (auto function = global_function(node.name)) return std::move(*function);
  return Value::undefined(fmt::format("'{}' is undefined", node.name));
}

Value Interpreter::evaluate_dict(const Expression& node, const ScopePtr& scope) {
  Dict dict;
  for (size_t i = 0; i + 1 < node.children.size(); i += 2) {
    Value key = evaluate(*node.children[i], scope);
    dict.set(std::move(key), evaluate(*node.children[i + 1], scope));
  }
  return Value::dict(std::move(dict), &budget_);
}

Value Interpreter::evaluate_slice(const Expression& node, const ScopePtr& scope) {
  const Value value = evaluate(*node.children[0], scope);
  Value bounds[3];
  for (size_t i = 0; i < 3; ++i) {
    if (node.children[i + 1]) bounds[i] = evaluate(*node.children[i + 1], scope);
  }
  const auto bound = [&](size_t i) { return node.children[i + 1] ? &bounds[i] : nullptr; };
  return get_slice(value, bound(0), bound(1), bound(2), budget_);
}

CallArguments Interpreter::evaluate_arguments(const std::vector<Argument>& arguments, const ScopePtr& scope) {
  CallArguments result;
  for (const Argument& argument : arguments) {
    Value value = evaluate(*argument.value, scope);
    switch (argument.kind) {
      case Argument::Kind::positional: result.positional.push_back(std::move(value)); break;
      case Argument::Kind::named: result.named.emplace_back(argument.name, std::move(value)); break;
      case Argument::Kind::spread: {
        const auto items = items_of(value, &budget_);
        budget_.step(static_cast<int64_t>(items->items.size()));
        result.positional.insert(result.positional.end(), items->items.begin(), items->items.end());
        break;
      }
      case Argument::Kind::spread_named:
        if (!value.dict()) fault("argument after ** must be a mapping, not {}", value.type_name());
        for (const auto& [key, each] : value.dict()->entries()) {
          if (!key.text()) fault("keywords must be strings");
          result.named.emplace_back(key.text()->bytes, each);
        }
    }
  }
  return result;
}

Value Interpreter::call(const Value& callee, CallArguments& arguments) {
  require_defined(callee);
  Object* object = callee.object();
  if (!object || !object->callable()) fault("'{}' object is not callable", callee.type_name());
  const Budget::Level level(budget_);
  return object->call(*this, arguments);
}

Value Interpreter::evaluate_call(const Expression& node, const ScopePtr& scope, const Value* caller) {
  const Value callee = evaluate(*node.children[0], scope);
  CallArguments arguments = evaluate_arguments(node.arguments, scope);
  if (caller) arguments.named.emplace_back("caller", *caller);
  line_ = node.line;
  return call(callee, arguments);
}

Value Interpreter::evaluate_filter(const Expression& node, const ScopePtr& scope, const Value* input) {
  const Budget::Level level(budget_);
  const Expression* const inner = node.children[0].get();
  const Value value = !inner ? *input : input ? evaluate_filter(*inner, scope, input) : evaluate(*inner, scope);
  CallArguments arguments = evaluate_arguments(node.arguments, scope);
  line_ = node.line;
  return node.filter(*this, value, arguments);
}

bool Interpreter::evaluate_test(const Expression& node, const ScopePtr& scope) {
  const Value value = evaluate(*node.children[0], scope);
  CallArguments arguments = evaluate_arguments(node.arguments, scope);
  line_ = node.line;
  return node.test(*this, value, arguments);
}

bool Interpreter::evaluate_compare(const Expression& node, const ScopePtr& scope) {
  Value left = evaluate(*node.children[0], scope);
  for (size_t i = 0; i < node.operators.size(); ++i) {
    Value right = evaluate(*node.children[i + 1], scope);
    line_ = node.line;
    if (!compare(node.operators[i], left, right, budget_)) return false;
    left = std::move(right);
  }
  return true;
}

Value Interpreter::evaluate_concat(const Expression& node, const ScopePtr& scope) {
  std::string bytes;
  for (const Value& part : evaluate_all(node.children, scope)) bytes += str(part, budget_);
  return text(std::move(bytes));
}

Value Interpreter::evaluate_conditional(const Expression& node, const ScopePtr& scope) {
  if (evaluate(*node.children[1], scope).truth()) return evaluate(*node.children[0], scope);
  if (node.children[2]) return evaluate(*node.children[2], scope);
  return Value::undefined("the inline if-expression evaluated to false and no else section was defined");
}

}  // namespace qkv::jinja
