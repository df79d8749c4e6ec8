// The variable `loop` of {% for %}.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "chat/jinja/interpreter.h"

namespace qkv::jinja {

// The items of a loop that its condition lets through. They are fetched one by one, as the condition may change while the loop runs.
class LoopItems {
 public:
  using Condition = std::function<bool(const Value&)>;
  LoopItems(std::shared_ptr<const List> items, Condition condition) : items_(std::move(items)), condition_(std::move(condition)) {}

  std::optional<Value> next();
  std::optional<Value> peek();
  size_t count_left();  // fetches them all

 private:
  std::optional<Value> fetch();
  std::shared_ptr<const List> items_;
  Condition condition_;
  size_t at_ = 0;
  std::vector<Value> ahead_;  // fetched, in reverse order
};

class Loop : public Object {
 public:
  Loop(const Statement& statement, ScopePtr scope, LoopItems items, int64_t depth)
      : statement_(statement), scope_(std::move(scope)), items_(std::move(items)), depth_(depth) {}

  // The next item, which becomes the current one.
  std::optional<Value> next();
  // Lets go of everything that could hold the loop itself.
  void finish();

  std::string_view type_name() const override { return "LoopContext"; }
  bool callable() const override { return true; }
  Value call(Interpreter& interpreter, CallArguments& arguments) override;
  std::optional<Value> attribute(Interpreter& interpreter, std::string_view name) override;

  Value cycle(const CallArguments& arguments) const;
  Value changed(Interpreter& interpreter, const CallArguments& arguments);

 private:
  int64_t length();

  const Statement& statement_;
  ScopePtr scope_;
  LoopItems items_;
  int64_t depth_, index_ = -1;
  bool finished_ = false;
  std::optional<int64_t> length_;
  std::optional<Value> previous_, current_, last_changed_;
};

}  // namespace qkv::jinja
