#include "chat/jinja/operators.h"

#include <algorithm>
#include <cmath>

#include "chat/jinja/builtins.h"
#include "chat/jinja/python_string.h"

namespace qkv::jinja {
namespace {

std::string_view sign_of(Operator operation) {
  constexpr std::string_view kSigns[] = {"+", "-", "*", "/", "//", "%", "** or pow()", "==", "!=", "<", "<=", ">", ">=", "in", "not in"};
  return kSigns[static_cast<size_t>(operation)];
}

[[noreturn]] void fault_types(Operator operation, const Value& left, const Value& right) {
  fault("unsupported operand type(s) for {}: '{}' and '{}'", sign_of(operation), left.type_name(), right.type_name());
}

[[noreturn]] void fault_overflow() { fault_unsupported("a whole number is too large; 64 bits are supported"); }

int64_t power(int64_t base, int64_t exponent) {
  int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) && __builtin_mul_overflow(result, base, &result)) fault_overflow();
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) fault_overflow();
  }
  return result;
}

// Python rounds quotients down, and remainders have the divisor's sign.
int64_t floor_divide(int64_t a, int64_t b) {
  if (b == -1 && a == INT64_MIN) fault_overflow();
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}
int64_t modulo(int64_t a, int64_t b) {
  if (b == -1) return 0;
  const int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

Value whole_numbers(Operator operation, int64_t a, int64_t b) {
  int64_t result = 0;
  switch (operation) {
    case Operator::add:
      if (__builtin_add_overflow(a, b, &result)) fault_overflow();
      return result;
    case Operator::subtract:
      if (__builtin_sub_overflow(a, b, &result)) fault_overflow();
      return result;
    case Operator::multiply:
      if (__builtin_mul_overflow(a, b, &result)) fault_overflow();
      return result;
    case Operator::power:
      if (b < 0) return std::pow(static_cast<double>(a), static_cast<double>(b));
      return power(a, b);
    default:
      if (b == 0) fault("division by zero");
      if (operation == Operator::divide) return static_cast<double>(a) / static_cast<double>(b);
      return operation == Operator::floor_divide ? floor_divide(a, b) : modulo(a, b);
  }
}

Value real_numbers(Operator operation, double a, double b) {
  switch (operation) {
    case Operator::add: return a + b;
    case Operator::subtract: return a - b;
    case Operator::multiply: return a * b;
    case Operator::power: return std::pow(a, b);
    default:
      if (b == 0) fault("float division by zero");
      if (operation == Operator::divide) return a / b;
      if (operation == Operator::floor_divide) return std::floor(a / b);
      const double rest = std::fmod(a, b);
      return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
  }
}

Value repeat(const Value& value, int64_t count, Budget& budget) {
  count = std::max<int64_t>(count, 0);
  const Text* text = value.text();
  const List* list = value.list();
  const auto size = static_cast<int64_t>(text ? text->bytes.size() : list->items.size() * sizeof(Value));
  int64_t total = 0;
  if (__builtin_mul_overflow(size, count, &total)) fault("repeats a text or list too often");
  { const Holding room(&budget, static_cast<size_t>(total)); }  // faults before anything is made
  if (size == 0) count = 0;
  if (text) {
    std::string bytes;
    bytes.reserve(static_cast<size_t>(total));
    for (int64_t i = 0; i < count; ++i) bytes += text->bytes;
    return Value::text(std::move(bytes), &budget);
  }
  std::vector<Value> items;
  for (int64_t i = 0; i < count; ++i) items.insert(items.end(), list->items.begin(), list->items.end());
  return Value::list(std::move(items), &budget, list->kind);
}

Value add(const Value& left, const Value& right, Budget& budget) {
  if (left.text() && right.text()) {
    const Text &a = *left.text(), &b = *right.text();
    if (!a.safe && !b.safe) return Value::text(a.bytes + b.bytes, &budget);
    return Value::text((a.safe ? a.bytes : html_escaped(a.bytes)) + (b.safe ? b.bytes : html_escaped(b.bytes)), &budget, true);
  }
  const List *a = left.list(), *b = right.list();
  if (a && b && a->kind == b->kind && (a->kind == ListKind::list || a->kind == ListKind::tuple)) {
    std::vector<Value> items = a->items;
    items.insert(items.end(), b->items.begin(), b->items.end());
    return Value::list(std::move(items), &budget, a->kind);
  }
  if (left.text()) fault("can only concatenate str (not \"{}\") to str", right.type_name());
  if (a && a->kind == ListKind::list) fault("can only concatenate list (not \"{}\") to list", right.type_name());
  fault_types(Operator::add, left, right);
}

bool is_sequence(const Value& value) {
  const List* list = value.list();
  return value.text() || (list && (list->kind == ListKind::list || list->kind == ListKind::tuple));
}

}  // namespace

void require_defined(const Value& value) {
  if (value.is_undefined()) fault("{}", value.why_undefined());
}

Value binary(Operator operation, const Value& left, const Value& right, Budget& budget) {
  require_defined(left);
  require_defined(right);
  if (left.whole() && right.whole()) return whole_numbers(operation, *left.whole(), *right.whole());
  if (left.is_number() && right.is_number()) return real_numbers(operation, *left.number(), *right.number());
  if (operation == Operator::add) return add(left, right, budget);
  if (operation == Operator::multiply && is_sequence(left) && right.whole()) return repeat(left, *right.whole(), budget);
  if (operation == Operator::multiply && left.whole() && is_sequence(right)) return repeat(right, *left.whole(), budget);
  if (operation == Operator::modulo && left.text()) {
    const List* list = right.list();
    const std::vector<Value> values = list && list->kind == ListKind::tuple ? list->items : std::vector<Value>{right};
    return Value::text(percent_format(left.text()->bytes, values, right.dict(), budget), &budget);
  }
  fault_types(operation, left, right);
}

Value negative(const Value& value) {
  require_defined(value);
  if (const auto whole = value.whole()) {
    if (*whole == INT64_MIN) fault_overflow();
    return -*whole;
  }
  if (value.real()) return -*value.real();
  fault("bad operand type for unary -: '{}'", value.type_name());
}

bool equal(const Value& left, const Value& right, Budget& budget) {
  budget.step();
  if (left.text() && right.text()) {
    budget.scan(std::min(left.text()->bytes.size(), right.text()->bytes.size()));
    return left.text()->bytes == right.text()->bytes;
  }
  if (left.whole() && right.whole()) return *left.whole() == *right.whole();
  if (left.is_number() && right.is_number()) return *left.number() == *right.number();
  if (left.is_undefined() || right.is_undefined()) return left.is_undefined() && right.is_undefined();
  if (left.same(right)) return true;
  if (const List* a = left.list(), *b = right.list(); a && b) {
    if (a->kind != b->kind || a->items.size() != b->items.size()) return false;
    for (size_t i = 0; i < a->items.size(); ++i) {
      if (!equal(a->items[i], b->items[i], budget)) return false;
    }
    return a->kind != ListKind::generator;
  }
  if (const Dict* a = left.dict(), *b = right.dict(); a && b) {
    if (a->size() != b->size()) return false;
    for (const auto& [key, value] : a->entries()) {
      const Value* other = b->find(key);
      if (!other || !equal(value, *other, budget)) return false;
    }
    return true;
  }
  return false;
}

bool less(const Value& left, const Value& right, Budget& budget, std::string_view sign) {
  budget.step();
  require_defined(left);
  require_defined(right);
  if (left.whole() && right.whole()) return *left.whole() < *right.whole();
  if (left.is_number() && right.is_number()) return *left.number() < *right.number();
  if (left.text() && right.text()) return left.text()->bytes < right.text()->bytes;  // UTF-8 has the order of its characters
  const List *a = left.list(), *b = right.list();
  if (a && b && a->kind == b->kind && (a->kind == ListKind::list || a->kind == ListKind::tuple)) {
    for (size_t i = 0; i < std::min(a->items.size(), b->items.size()); ++i) {
      if (!equal(a->items[i], b->items[i], budget)) return less(a->items[i], b->items[i], budget, sign);
    }
    return a->items.size() < b->items.size();
  }
  fault("'{}' not supported between instances of '{}' and '{}'", sign, left.type_name(), right.type_name());
}

bool contains(const Value& container, const Value& item, Budget& budget) {
  if (container.is_undefined()) return false;
  if (const Text* text = container.text()) {
    if (!item.text()) fault("'in <string>' requires string as left operand, not {}", item.type_name());
    budget.scan(text->bytes.size());
    return text->bytes.find(item.text()->bytes) != std::string::npos;
  }
  if (const Dict* dict = container.dict()) return dict->find(item) != nullptr;
  if (container.list()) {
    for (const Value& each : EachItem(container, &budget)) {
      if (each.same(item) || equal(each, item, budget)) return true;
    }
    return false;
  }
  fault("argument of type '{}' is not iterable", container.type_name());
}

bool compare(Operator operation, const Value& left, const Value& right, Budget& budget) {
  const auto is_nan = [](const Value& value) { return value.real() && std::isnan(*value.real()); };
  switch (operation) {
    case Operator::equal: return equal(left, right, budget);
    case Operator::not_equal: return !equal(left, right, budget);
    case Operator::less: return less(left, right, budget, "<");
    case Operator::greater: return less(right, left, budget, ">");
    case Operator::less_equal: return !less(right, left, budget, "<=") && !is_nan(left) && !is_nan(right);
    case Operator::greater_equal: return !less(left, right, budget, ">=") && !is_nan(left) && !is_nan(right);
    case Operator::in: return contains(right, left, budget);
    default: return !contains(right, left, budget);
  }
}

}  // namespace qkv::jinja
