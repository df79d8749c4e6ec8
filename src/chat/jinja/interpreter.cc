#include "chat/jinja/interpreter.h"

#include <algorithm>

#include "chat/jinja/builtins.h"
#include "chat/jinja/loop.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/python_text.h"

namespace qkv::jinja {
namespace {

using Kind = Statement::Kind;

class Macro : public Object {
 public:
  Macro(const MacroSyntax& syntax, ScopePtr scope) : syntax_(syntax), scope_(std::move(scope)) {}
  std::string_view type_name() const override { return "Macro"; }
  bool callable() const override { return true; }
  std::string repr() const override { return fmt::format("<Macro '{}'>", syntax_.name); }
  Value call(Interpreter& interpreter, CallArguments& arguments) override {
    const ScopePtr scope = scope_;
    return interpreter.text(interpreter.call_macro(syntax_, scope, arguments));
  }
  void clear() { scope_ = nullptr; }

 private:
  const MacroSyntax& syntax_;
  ScopePtr scope_;
};

ScopePtr inner_scope(const ScopePtr& outer) { return std::make_shared<Scope>(Scope{outer, {}}); }

}  // namespace

Interpreter::~Interpreter() {
  for (const Kept& kept : kept_) kept.clear(kept.object.get());
}

std::string Interpreter::run(const Body& body, const std::vector<std::pair<std::string, Value>>& variables) {
  const auto scope = std::make_shared<Scope>();
  for (const auto& [name, value] : variables) scope->variables.insert_or_assign(name, value);
  out_ = &main_;
  run_body(body, inner_scope(scope));
  return std::move(main_);
}

void Interpreter::write(std::string_view text) {
  budget_.take(text.size());
  *out_ += text;
}

// The text that a body writes.
std::string Interpreter::capture(const Body& body, const ScopePtr& scope) {
  std::string text;
  std::string* const outer = std::exchange(out_, &text);
  run_body(body, scope);  // a fault ends everything, so that out_ need not be put back then
  out_ = outer;
  budget_.give_back(text.size());
  return text;
}

Interpreter::Flow Interpreter::run_body(const Body& body, const ScopePtr& scope) {
  for (const StatementPtr& statement : body) {
    const Flow flow = run_statement(*statement, scope);
    if (flow != Flow::next) return flow;
  }
  return Flow::next;
}

Interpreter::Flow Interpreter::run_statement(const Statement& statement, const ScopePtr& scope) {
  const Budget::Level level(budget_);
  budget_.step();
  line_ = statement.line;
  switch (statement.kind) {
    case Kind::text: write(statement.text); break;
    case Kind::print: {
      const Value value = evaluate(*statement.expression, scope);
      if (const Text* text = value.text()) {
        write(text->bytes);
      } else {
        write(str(value, budget_));
      }
      break;
    }
    case Kind::if_: return run_if(statement, scope);
    case Kind::for_: run_for(statement, scope, evaluate(*statement.expression, scope), 0); break;
    case Kind::set: assign(statement.target, evaluate(*statement.expression, scope), scope); break;
    case Kind::set_block: run_set_block(statement, scope); break;
    case Kind::with: run_with(statement, scope); break;
    case Kind::macro: scope->variables.insert_or_assign(statement.macro.name, macro_value(statement.macro, scope)); break;
    case Kind::call: run_call_block(statement, scope); break;
    case Kind::filter: run_filter_block(statement, scope); break;
    case Kind::generation: run_generation(statement, scope); break;
    case Kind::break_: return Flow::break_;
    case Kind::continue_: return Flow::continue_;
  }
  return Flow::next;
}

Interpreter::Flow Interpreter::run_if(const Statement& statement, const ScopePtr& scope) {
  for (const Statement::Branch& branch : statement.branches) {
    if (!branch.condition || evaluate(*branch.condition, scope).truth()) return run_body(branch.body, scope);
  }
  return Flow::next;
}

void Interpreter::run_for(const Statement& loop, const ScopePtr& scope, const Value& items, int64_t depth) {
  LoopItems::Condition condition;
  if (loop.condition) {
    condition = [&loop, &scope, this](const Value& item) {
      const ScopePtr own = inner_scope(scope);
      assign(loop.target, item, own);
      return evaluate(*loop.condition, own).truth();
    };
  }
  const auto state = std::make_shared<Loop>(loop, scope, LoopItems(items_of(items, &budget_), std::move(condition)), depth);
  struct Finish {
    Loop& loop;
    ~Finish() { loop.finish(); }
  };
  const Value variable = std::shared_ptr<Object>(state);
  bool any = false;
  {
    const Finish finish{*state};
    while (const auto item = state->next()) {
      any = true;
      budget_.step();
      const ScopePtr own = inner_scope(scope);
      own->variables.emplace("loop", variable);
      assign(loop.target, *item, own);
      if (run_body(loop.body, own) == Flow::break_) break;
    }
  }
  if (!any) run_body(loop.otherwise, inner_scope(scope));
}

std::string Interpreter::run_recursive_loop(const Statement& loop, const ScopePtr& scope, const Value& items, int64_t depth) {
  const Budget::Level level(budget_);
  const ScopePtr kept = scope;
  std::string text;
  std::string* const outer = std::exchange(out_, &text);
  run_for(loop, kept, items, depth);
  out_ = outer;
  budget_.give_back(text.size());
  return text;
}

void Interpreter::run_set_block(const Statement& statement, const ScopePtr& scope) {
  Value value = text(capture(statement.body, inner_scope(scope)));
  if (statement.expression) value = evaluate_filter(*statement.expression, scope, &value);
  assign(statement.target, value, scope);
}

void Interpreter::run_with(const Statement& statement, const ScopePtr& scope) {
  const ScopePtr own = inner_scope(scope);
  for (const auto& [target, expression] : statement.assignments) assign(target, evaluate(*expression, scope), own);
  run_body(statement.body, own);
}

void Interpreter::run_call_block(const Statement& statement, const ScopePtr& scope) {
  const Value caller = macro_value(statement.macro, scope);
  write(str(evaluate_call(*statement.expression, scope, &caller), budget_));
}

void Interpreter::run_filter_block(const Statement& statement, const ScopePtr& scope) {
  const Value body = text(capture(statement.body, inner_scope(scope)));
  write(str(evaluate_filter(*statement.expression, scope, &body), budget_));
}

void Interpreter::run_generation(const Statement& statement, const ScopePtr& scope) {
  const size_t begin = main_.size();
  run_body(statement.body, inner_scope(scope));
  if (out_ == &main_) generated_.push_back({begin, main_.size()});
}

Value Interpreter::macro_value(const MacroSyntax& macro, const ScopePtr& scope) {
  return std::shared_ptr<Object>(keep(std::make_shared<Macro>(macro, scope)));
}

void Interpreter::assign(const Target& target, const Value& value, const ScopePtr& scope) {
  budget_.step();
  line_ = target.line;
  if (!target.attribute.empty()) {
    const Scope* at = scope.get();
    while (at && !at->variables.contains(target.name)) at = at->outer.get();
    if (!at) fault("'{}' is undefined", target.name);
    set_attribute(at->variables.find(target.name)->second, target.attribute, value);
  } else if (!target.name.empty()) {
    scope->variables.insert_or_assign(target.name, value);
  } else {
    require_defined(value);
    const auto items = items_of(value, &budget_);
    if (items->items.size() < target.parts.size())
      fault("not enough values to unpack (expected {}, got {})", target.parts.size(), items->items.size());
    if (items->items.size() > target.parts.size()) fault("too many values to unpack (expected {})", target.parts.size());
    for (size_t i = 0; i < target.parts.size(); ++i) assign(target.parts[i], items->items[i], scope);
  }
}

std::string Interpreter::call_macro(const MacroSyntax& macro, const ScopePtr& scope, CallArguments& arguments) {
  const Budget::Level level(budget_);
  const int line = line_;
  const ScopePtr own = inner_scope(scope);
  std::vector<Value>& positional = arguments.positional;
  const size_t taken = std::min(positional.size(), macro.parameters.size());
  std::vector<std::optional<Value>> given(macro.parameters.size());
  for (size_t i = 0; i < taken; ++i) given[i] = positional[i];
  if (positional.size() > taken && !macro.uses_varargs)
    fault("macro '{}' takes not more than {} argument(s)", macro.name, macro.parameters.size());
  Dict others;
  std::optional<Value> caller;
  for (const auto& argument : arguments.named) {
    const std::string& name = argument.first;
    const Value& value = argument.second;
    const auto parameter =
        std::find_if(macro.parameters.begin(), macro.parameters.end(), [&](const auto& each) { return each.name == name; });
    if (parameter != macro.parameters.end()) {
      auto& place = given[static_cast<size_t>(parameter - macro.parameters.begin())];
      if (place) fault("macro '{}' got the argument '{}' twice", macro.name, name);
      place = value;
    } else if (name == "caller" && macro.uses_caller) {
      caller = value;
    } else if (macro.uses_kwargs) {
      others.set(name, value);
    } else {
      fault("macro '{}' takes no keyword argument '{}'", macro.name, name);
    }
  }
  if (macro.uses_varargs)
    own->variables.emplace("varargs", list({positional.begin() + static_cast<ptrdiff_t>(taken), positional.end()}, ListKind::tuple));
  if (macro.uses_kwargs) own->variables.emplace("kwargs", Value::dict(std::move(others), &budget_));
  if (macro.uses_caller) own->variables.emplace("caller", caller ? *caller : Value::undefined("No caller defined"));
  for (size_t i = 0; i < macro.parameters.size(); ++i) {
    const auto& [name, otherwise] = macro.parameters[i];
    own->variables.insert_or_assign(name, given[i]    ? *given[i]
                                          : otherwise ? evaluate(*otherwise, own)
                                                      : Value::undefined(fmt::format("parameter '{}' was not provided", name)));
  }
  std::string text = capture(macro.body, own);
  line_ = line;
  return text;
}

}  // namespace qkv::jinja
