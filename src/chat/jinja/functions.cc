// The functions of the environment, as transformers sets it up.
#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>

#include "base/error.h"
#include "base/utf8.h"
#include "chat/jinja/builtins.h"
#include "chat/jinja/interpreter.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/python_text.h"

namespace qkv::jinja {
namespace {

constexpr int64_t kMaxRange = 100'000;  // the sandbox's MAX_RANGE

class Function : public Object {
 public:
  using Body = Value (*)(Interpreter&, CallArguments&);
  Function(std::string_view name, Body body) : name_(name), body_(body) {}
  std::string_view type_name() const override { return "function"; }
  std::string repr() const override { return fmt::format("<function {}>", name_); }
  bool callable() const override { return true; }
  Value call(Interpreter& interpreter, CallArguments& arguments) override { return body_(interpreter, arguments); }

 private:
  std::string_view name_;
  Body body_;
};

// The only thing that a template can change: {% set ns.name = value %}.
class Namespace : public Object {
 public:
  std::string_view type_name() const override { return "Namespace"; }
  std::optional<Value> attribute(Interpreter&, std::string_view name) override {
    const Value* found = fields_.find(name);
    if (!found) return std::nullopt;
    return *found;
  }
  void set(std::string_view name, Value value) {
    if (name.starts_with('_')) fault("a namespace cannot have the attribute '{}', which begins with an underscore", shortened(name, 40));
    fields_.set(name, std::move(value));
  }
  void clear() { fields_ = Dict(); }

 private:
  Dict fields_;
};

class Cycler : public Object {
 public:
  explicit Cycler(std::vector<Value> items) : items_(std::move(items)) {}
  std::string_view type_name() const override { return "Cycler"; }
  std::optional<Value> attribute(Interpreter&, std::string_view name) override;
  Value current() const { return items_[at_]; }
  Value next() {
    const Value item = items_[at_];
    at_ = (at_ + 1) % items_.size();
    return item;
  }
  void reset() { at_ = 0; }
  void clear() {
    items_.assign(1, Value());
    at_ = 0;
  }

 private:
  std::vector<Value> items_;
  size_t at_ = 0;
};

class CyclerMethod : public Object {
 public:
  CyclerMethod(std::shared_ptr<Object> cycler, bool reset) : cycler_(std::move(cycler)), reset_(reset) {}
  std::string_view type_name() const override { return "method"; }
  bool callable() const override { return true; }
  Value call(Interpreter&, CallArguments&) override {
    auto& cycler = static_cast<Cycler&>(*cycler_);
    if (!reset_) return cycler.next();
    cycler.reset();
    return None{};
  }

 private:
  std::shared_ptr<Object> cycler_;
  bool reset_;
};

std::optional<Value> Cycler::attribute(Interpreter&, std::string_view name) {
  if (name == "current") return current();
  if (name == "next" || name == "reset")
    return Value(std::shared_ptr<Object>(std::make_shared<CyclerMethod>(shared_from_this(), name == "reset")));
  return std::nullopt;
}

// Nothing at its first call, then the separator.
class Joiner : public Object {
 public:
  explicit Joiner(Value separator) : separator_(std::move(separator)) {}
  std::string_view type_name() const override { return "Joiner"; }
  bool callable() const override { return true; }
  Value call(Interpreter& interpreter, CallArguments&) override { return std::exchange(used_, true) ? separator_ : interpreter.text(""); }
  void clear() { separator_ = Value(); }

 private:
  Value separator_;
  bool used_ = false;
};

Value range(Interpreter& interpreter, CallArguments& arguments) {
  const Parameters given(arguments, "range()", {"start", "stop", "step"}, 1);
  const int64_t start = given.has(1) ? given.integer(0) : 0, stop = given.has(1) ? given.integer(1) : given.integer(0);
  const int64_t step = given.integer_or(2, 1);
  if (step == 0) fault("range() arg 3 must not be zero");
  // As unsigned numbers, so that nothing overflows.
  const uint64_t distance =
      step > 0 ? static_cast<uint64_t>(stop) - static_cast<uint64_t>(start) : static_cast<uint64_t>(start) - static_cast<uint64_t>(stop);
  const uint64_t stride = step > 0 ? static_cast<uint64_t>(step) : -static_cast<uint64_t>(step);
  const bool empty = step > 0 ? start >= stop : start <= stop;
  const uint64_t count = empty ? 0 : (distance - 1) / stride + 1;
  if (count > static_cast<uint64_t>(kMaxRange)) fault("a range is too big; the sandbox blocks ranges larger than {}", kMaxRange);
  std::vector<Value> items;
  items.reserve(count);
  interpreter.budget().step(static_cast<int64_t>(count / 16));
  for (uint64_t i = 0; i < count; ++i) items.emplace_back(start + static_cast<int64_t>(i) * step);
  return interpreter.list(std::move(items), ListKind::range);
}

// What dict(…) and namespace(…) are made of: a mapping or pairs, and keywords.
void fill(Interpreter& interpreter, CallArguments& arguments, const auto& set) {
  if (arguments.positional.size() > 1) fault("dict expected at most 1 argument, got {}", arguments.positional.size());
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    require_defined(source);
    if (const Dict* dict = source.dict()) {
      interpreter.budget().step(static_cast<int64_t>(dict->size()));
      for (const auto& [key, value] : dict->entries()) set(key, value);
    } else {
      for (const Value& pair : EachItem(source, &interpreter.budget())) {
        const auto parts = items_of(pair, &interpreter.budget());
        if (parts->items.size() != 2) fault("dict() needs pairs of a key and a value");
        set(parts->items[0], parts->items[1]);
      }
    }
  }
  for (auto& [name, value] : arguments.named) set(interpreter.text(name), value);
}

Value dict(Interpreter& interpreter, CallArguments& arguments) {
  Dict result;
  fill(interpreter, arguments, [&](const Value& key, const Value& value) { result.set(key, value); });
  return Value::dict(std::move(result), &interpreter.budget());
}

Value make_namespace(Interpreter& interpreter, CallArguments& arguments) {
  const auto result = interpreter.keep(std::make_shared<Namespace>());
  fill(interpreter, arguments, [&](const Value& key, const Value& value) {
    if (!key.text()) fault("the attributes of a namespace are strings");
    result->set(key.text()->bytes, value);
  });
  return std::shared_ptr<Object>(result);
}

Value cycler(Interpreter& interpreter, CallArguments& arguments) {
  if (arguments.positional.empty()) fault("at least one item has to be provided");
  return std::shared_ptr<Object>(interpreter.keep(std::make_shared<Cycler>(arguments.positional)));
}

Value joiner(Interpreter& interpreter, CallArguments& arguments) {
  const Parameters given(arguments, "joiner()", {"sep"});
  return std::shared_ptr<Object>(interpreter.keep(std::make_shared<Joiner>(given.value_or(0, interpreter.text(", ")))));
}

Value raise_exception(Interpreter& interpreter, CallArguments& arguments) {
  const Parameters given(arguments, "raise_exception()", {"message"}, 1);
  fault("the template refuses the messages: {}", str(given[0], interpreter.budget()));
}

// datetime.now().strftime(…) in local time; %f, the microseconds, is Python's own.
Value strftime_now(Interpreter& interpreter, CallArguments& arguments) {
  const Parameters given(arguments, "strftime_now()", {"format"}, 1);
  const std::string& wanted = given.text(0);
  if (wanted.size() > 1000) fault("strftime_now() gets a format of {} bytes", wanted.size());
  const auto now = interpreter.now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now - std::chrono::system_clock::from_time_t(seconds)).count();
  std::string format;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const bool directive = wanted[i] == '%' && i + 1 < wanted.size();
    if (wanted[i] == '%' && !directive) {
      format += "%%";
    } else if (directive && wanted[i + 1] == 'f') {
      format += fmt::format("{:06}", micros);
      ++i;
    } else if (directive && std::isdigit(static_cast<unsigned char>(wanted[i + 1]))) {
      fault_unsupported("strftime_now() gets a format with a width, which is not supported");
    } else {
      format += wanted[i];
      if (directive) format += wanted[++i];
    }
  }
  std::tm parts{};
  localtime_r(&seconds, &parts);
  std::string text(format.size() * 64 + 256, '\0');
  format += 'x';  // so that a result of no bytes can be told from one that does not fit
  const size_t size = std::strftime(text.data(), text.size(), format.c_str(), &parts);
  if (size == 0) fault("strftime_now() gets a format that gives too long a text");
  text.resize(size - 1);
  return interpreter.text(replace_invalid_utf8(text));
}

constexpr std::array<Named<Function::Body>, 7> kFunctions = {{{"range", range},
                                                              {"dict", dict},
                                                              {"namespace", make_namespace},
                                                              {"cycler", cycler},
                                                              {"joiner", joiner},
                                                              {"raise_exception", raise_exception},
                                                              {"strftime_now", strftime_now}}};

}  // namespace

std::optional<Value> global_function(std::string_view name) {
  const Function::Body body = find_named(kFunctions, name);
  if (body) return Value(std::shared_ptr<Object>(std::make_shared<Function>(name, body)));
  if (name == "lipsum") fault_unsupported("the function 'lipsum' is not supported");
  return std::nullopt;
}

void set_attribute(const Value& value, std::string_view name, Value attribute) {
  auto* target = value.object_as<Namespace>();
  if (!target) fault("cannot assign attribute on non-namespace object");
  target->set(name, std::move(attribute));
}

}  // namespace qkv::jinja
