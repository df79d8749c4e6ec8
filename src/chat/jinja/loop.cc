#include "chat/jinja/loop.h"

#include <algorithm>

#include "chat/jinja/operators.h"

namespace qkv::jinja {
namespace {

// loop.cycle and loop.changed.
class LoopMethod : public Object {
 public:
  LoopMethod(std::shared_ptr<Object> loop, bool changed) : loop_(std::move(loop)), changed_(changed) {}
  std::string_view type_name() const override { return "method"; }
  bool callable() const override { return true; }
  Value call(Interpreter& interpreter, CallArguments& arguments) override {
    auto& loop = static_cast<Loop&>(*loop_);
    return changed_ ? loop.changed(interpreter, arguments) : loop.cycle(arguments);
  }

 private:
  std::shared_ptr<Object> loop_;
  bool changed_;
};

}  // namespace

std::optional<Value> LoopItems::fetch() {
  while (at_ < items_->items.size()) {
    const Value& item = items_->items[at_++];
    if (!condition_ || condition_(item)) return item;
  }
  return std::nullopt;
}

std::optional<Value> LoopItems::next() {
  if (ahead_.empty()) return fetch();
  Value item = std::move(ahead_.back());
  ahead_.pop_back();
  return item;
}

std::optional<Value> LoopItems::peek() {
  if (ahead_.empty()) {
    auto item = fetch();
    if (!item) return std::nullopt;
    ahead_.push_back(std::move(*item));
  }
  return ahead_.back();
}

size_t LoopItems::count_left() {
  if (!condition_) return ahead_.size() + items_->items.size() - at_;
  std::reverse(ahead_.begin(), ahead_.end());
  while (auto item = fetch()) ahead_.push_back(std::move(*item));
  std::reverse(ahead_.begin(), ahead_.end());
  return ahead_.size();
}

std::optional<Value> Loop::next() {
  auto item = items_.next();
  if (!item) return std::nullopt;
  ++index_;
  previous_ = std::exchange(current_, item);
  return item;
}

void Loop::finish() {
  finished_ = true;
  scope_ = nullptr;
  previous_ = current_ = last_changed_ = std::nullopt;
  items_ = LoopItems(std::make_shared<const List>(), nullptr);
}

int64_t Loop::length() {
  if (finished_) return index_ + 1;
  if (!length_) length_ = index_ + 1 + static_cast<int64_t>(items_.count_left());
  return *length_;
}

std::optional<Value> Loop::attribute(Interpreter& interpreter, std::string_view name) {
  if (name == "index") return index_ + 1;
  if (name == "index0") return index_;
  if (name == "first") return index_ == 0;
  if (name == "last") return !items_.peek().has_value();
  if (name == "length") return length();
  if (name == "revindex") return length() - index_;
  if (name == "revindex0") return length() - index_ - 1;
  if (name == "depth") return depth_ + 1;
  if (name == "depth0") return depth_;
  if (name == "previtem") return index_ > 0 ? *previous_ : Value::undefined("there is no previous item");
  if (name == "nextitem") {
    const auto item = items_.peek();
    return item ? *item : Value::undefined("there is no next item");
  }
  if (name == "cycle" || name == "changed") {
    interpreter.budget().step();
    return Value(std::shared_ptr<Object>(std::make_shared<LoopMethod>(shared_from_this(), name == "changed")));
  }
  return std::nullopt;
}

Value Loop::cycle(const CallArguments& arguments) const {
  if (arguments.positional.empty()) fault("no items for cycling given");
  return arguments.positional[static_cast<size_t>(index_) % arguments.positional.size()];
}

Value Loop::changed(Interpreter& interpreter, const CallArguments& arguments) {
  if (finished_) fault("loop.changed is called after its loop");
  Value now = interpreter.list(arguments.positional, ListKind::tuple);
  if (last_changed_ && equal(*last_changed_, now, interpreter.budget())) return false;
  last_changed_ = std::move(now);
  return true;
}

Value Loop::call(Interpreter& interpreter, CallArguments& arguments) {
  if (!statement_.recursive) fault("the loop must have the 'recursive' marker to be called recursively");
  if (finished_) fault("a loop is called after its end");
  if (arguments.positional.size() != 1) fault("a recursive loop is called with one list");
  return interpreter.text(interpreter.run_recursive_loop(statement_, scope_, arguments.positional[0], depth_ + 1));
}

}  // namespace qkv::jinja
