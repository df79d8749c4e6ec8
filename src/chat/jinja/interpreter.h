// Runs the syntax tree of a template.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chat/jinja/syntax.h"
#include "chat/jinja/value.h"

namespace qkv::jinja {

// Variables of one nesting level. Statements see those of outer levels and set those of their own.
struct Scope {
  std::shared_ptr<Scope> outer;
  std::map<std::string, Value, std::less<>> variables;
};
using ScopePtr = std::shared_ptr<Scope>;

struct ByteSpan {
  size_t begin, end;
};

class Interpreter {
 public:
  // `now`: what strftime_now gives.
  Interpreter(Budget& budget, std::chrono::system_clock::time_point now) : budget_(budget), now_(now) {}
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  // The text of a template over these variables; called once.
  std::string run(const Body& body, const std::vector<std::pair<std::string, Value>>& variables);

  int line() const { return line_; }  // the place of the last fault
  // The parts of the text within {% generation %}.
  const std::vector<ByteSpan>& generated() const { return generated_; }

  // For functions, filters and methods.
  Budget& budget() { return budget_; }
  std::chrono::system_clock::time_point now() const { return now_; }
  Value text(std::string bytes, bool safe = false) { return Value::text(std::move(bytes), &budget_, safe); }
  Value list(std::vector<Value> items, ListKind kind = ListKind::list) { return Value::list(std::move(items), &budget_, kind); }
  Value call(const Value& callee, CallArguments& arguments);
  // Objects that may hold each other in a circle are emptied when the template is done.
  template <typename T>
  std::shared_ptr<T> keep(std::shared_ptr<T> object) {
    budget_.take(sizeof(T));
    kept_.push_back({object, [](void* each) { static_cast<T*>(each)->clear(); }});
    return object;
  }

  // For macros and loops.
  std::string call_macro(const MacroSyntax& macro, const ScopePtr& scope, CallArguments& arguments);
  std::string run_recursive_loop(const Statement& loop, const ScopePtr& scope, const Value& items, int64_t depth);

 private:
  enum class Flow { next, break_, continue_ };
  struct Kept {
    std::shared_ptr<void> object;
    void (*clear)(void*);
  };

  Flow run_body(const Body& body, const ScopePtr& scope);
  Flow run_statement(const Statement& statement, const ScopePtr& scope);
  Flow run_if(const Statement& statement, const ScopePtr& scope);
  void run_for(const Statement& loop, const ScopePtr& scope, const Value& items, int64_t depth);
  void run_set_block(const Statement& statement, const ScopePtr& scope);
  void run_with(const Statement& statement, const ScopePtr& scope);
  void run_call_block(const Statement& statement, const ScopePtr& scope);
  void run_filter_block(const Statement& statement, const ScopePtr& scope);
  void run_generation(const Statement& statement, const ScopePtr& scope);
  Value macro_value(const MacroSyntax& macro, const ScopePtr& scope);
  std::string capture(const Body& body, const ScopePtr& scope);
  void write(std::string_view text);
  void assign(const Target& target, const Value& value, const ScopePtr& scope);

  Value evaluate(const Expression& node, const ScopePtr& scope);
  Value evaluate_name(const Expression& node, const ScopePtr& scope) const;
  Value evaluate_dict(const Expression& node, const ScopePtr& scope);
  Value evaluate_slice(const Expression& node, const ScopePtr& scope);
  Value evaluate_call(const Expression& node, const ScopePtr& scope, const Value* caller = nullptr);
  Value evaluate_filter(const Expression& node, const ScopePtr& scope, const Value* input = nullptr);
  bool evaluate_test(const Expression& node, const ScopePtr& scope);
  bool evaluate_compare(const Expression& node, const ScopePtr& scope);
  Value evaluate_concat(const Expression& node, const ScopePtr& scope);
  Value evaluate_conditional(const Expression& node, const ScopePtr& scope);
  std::vector<Value> evaluate_all(const std::vector<ExpressionPtr>& nodes, const ScopePtr& scope);
  CallArguments evaluate_arguments(const std::vector<Argument>& arguments, const ScopePtr& scope);

  Budget& budget_;
  std::chrono::system_clock::time_point now_;
  std::string* out_ = nullptr;
  std::string main_;
  std::vector<ByteSpan> generated_;
  std::vector<Kept> kept_;
  int line_ = 1;
};

}  // namespace qkv::jinja
