#include "chat/jinja/python_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "base/utf8.h"
#include "chat/jinja/python_string.h"

namespace qkv::jinja {
namespace {

// Prints Python literals.
// A text that grows within the budget.
class Output {
 public:
  explicit Output(Budget& budget) : budget_(budget) {}
  std::string take() { return std::move(out_); }

 protected:
  void add(std::string_view text) {
    budget_.scan(text.size());
    out_ += text;
    budget_.require_room(out_.size());
  }

  Budget& budget_;
  std::string out_;
};

class Printer : public Output {
 public:
  using Output::Output;

  void print(const Value& value) {
    budget_.step();
    if (const Text* text = value.text()) {
      add(text->safe ? fmt::format("Markup({})", repr(text->bytes)) : repr(text->bytes));
    } else if (const List* list = value.list()) {
      print_list(*list);
    } else if (const Dict* dict = value.dict()) {
      print_dict(*dict);
    } else if (Object* object = value.object()) {
      add(object->repr());
    } else if (value.is_undefined()) {
      add("Undefined");
    } else {
      add(scalar(value));
    }
  }

  static std::string scalar(const Value& value) {
    if (value.is_none()) return "None";
    if (const bool* boolean = value.boolean()) return *boolean ? "True" : "False";
    if (const int64_t* integer = value.integer()) return std::to_string(*integer);
    return repr(*value.real());
  }

 private:
  void print_items(const std::vector<Value>& items) {
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) add(", ");
      print(items[i]);
    }
  }
  void print_range(const std::vector<Value>& items) {
    if (items.empty()) return add("range(0, 0)");
    const int64_t first = *items.front().integer(), step = items.size() > 1 ? *items[1].integer() - first : 1;
    const int64_t stop = *items.back().integer() + step;
    add(step == 1 ? fmt::format("range({}, {})", first, stop) : fmt::format("range({}, {}, {})", first, stop, step));
  }
  void print_list(const List& list) {
    switch (list.kind) {
      case ListKind::generator:
        fault("prints a generator, which Python shows by its memory address; `| list` or `| join` was probably meant");
      case ListKind::range: return print_range(list.items);
      case ListKind::tuple:
        add("(");
        print_items(list.items);
        return add(list.items.size() == 1 ? ",)" : ")");
      case ListKind::list:
        add("[");
        print_items(list.items);
        return add("]");
      case ListKind::keys:
      case ListKind::values:
      case ListKind::items:
        add(list.kind == ListKind::keys ? "dict_keys([" : list.kind == ListKind::values ? "dict_values([" : "dict_items([");
        print_items(list.items);
        return add("])");
    }
  }
  void print_dict(const Dict& dict) {
    add("{");
    bool first = true;
    for (const auto& [key, value] : dict.entries()) {
      if (!std::exchange(first, false)) add(", ");
      print(key);
      add(": ");
      print(value);
    }
    add("}");
  }
};

class JsonPrinter : public Output {
 public:
  JsonPrinter(const JsonStyle& style, Budget& budget) : Output(budget), style_(style) {}

  void print(const Value& value) {
    budget_.step();
    if (const Text* text = value.text()) {
      quote(text->bytes);
    } else if (const List* list = value.list(); list && (list->kind == ListKind::list || list->kind == ListKind::tuple)) {
      bracket('[', ']', list->items.size(), [&](size_t i) { print(list->items[i]); });
    } else if (const Dict* dict = value.dict()) {
      print_dict(*dict);
    } else if (value.is_none() || value.is_number()) {
      add(scalar(value));
    } else {
      fault("Object of type {} is not JSON serializable", value.is_undefined() ? "Undefined" : value.type_name());
    }
  }

 private:
  static std::string scalar(const Value& value) {
    if (value.is_none()) return "null";
    if (const bool* boolean = value.boolean()) return *boolean ? "true" : "false";
    if (const double* real = value.real(); real && !std::isfinite(*real))
      return std::isnan(*real) ? "NaN" : *real > 0 ? "Infinity" : "-Infinity";
    return Printer::scalar(value);
  }
  void new_line() {
    if (!style_.indent) return;
    add("\n");
    for (int i = 0; i < level_; ++i) add(*style_.indent);
  }
  template <typename PrintItem>
  void bracket(char open, char close, size_t count, const PrintItem& print_item) {
    add({&open, 1});
    ++level_;
    for (size_t i = 0; i < count; ++i) {
      if (i > 0) add(style_.item_separator);
      new_line();
      print_item(i);
    }
    --level_;
    if (count > 0) new_line();
    add({&close, 1});
  }
  static std::string key_text(const Value& key) {
    if (const Text* text = key.text()) return text->bytes;
    if (key.is_none() || key.is_number()) return scalar(key);
    fault("keys must be str, int, float, bool or None, not {}", key.type_name());
  }
  void print_dict(const Dict& dict) {
    std::vector<const Dict::Entry*> entries;
    for (const auto& entry : dict.entries()) entries.push_back(&entry);
    if (style_.sort_keys) {
      budget_.step(static_cast<int64_t>(entries.size()));
      std::stable_sort(entries.begin(), entries.end(),
                       [](const auto* a, const auto* b) { return key_text(a->first) < key_text(b->first); });
    }
    bracket('{', '}', entries.size(), [&](size_t i) {
      quote(key_text(entries[i]->first));
      add(style_.key_separator);
      print(entries[i]->second);
    });
  }
  void escape(char32_t c) {
    if (c < 0x10000) return add(fmt::format("\\u{:04x}", static_cast<uint32_t>(c)));
    const uint32_t rest = static_cast<uint32_t>(c) - 0x10000;
    add(fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF)));
  }
  void quote(std::string_view text) {
    budget_.scan(text.size());
    out_ += '"';
    for (size_t i = 0; i < text.size();) {
      const Character c = character_at(text, i);
      constexpr std::string_view kShort = "\n\r\t\f\b", kLetters = "nrtfb";
      if (c.code_point == '"' || c.code_point == '\\') {
        out_ += {'\\', text[i]};
      } else if (const size_t at = c.length == 1 ? kShort.find(text[i]) : std::string::npos; at != std::string::npos) {
        out_ += {'\\', kLetters[at]};
      } else if (c.code_point < 0x20 || (style_.ensure_ascii && c.code_point > 0x7E)) {
        escape(c.code_point);
      } else {
        out_ += text.substr(i, c.length);
      }
      i += c.length;
    }
    add("\"");
  }

  const JsonStyle& style_;
  int level_ = 0;
};

}  // namespace

std::string repr(std::string_view text) {
  const char quote = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  for (size_t i = 0; i < text.size();) {
    const Character c = character_at(text, i);
    constexpr std::string_view kShort = "\n\r\t", kLetters = "nrt";
    const size_t at = c.length == 1 ? kShort.find(text[i]) : std::string::npos;
    if (c.length == 1 && (text[i] == quote || text[i] == '\\')) {
      out += {'\\', text[i]};
    } else if (at != std::string::npos) {
      out += {'\\', kLetters[at]};
    } else if (is_printable(c.code_point)) {
      out += text.substr(i, c.length);
    } else if (c.code_point < 0x100) {
      out += fmt::format("\\x{:02x}", static_cast<uint32_t>(c.code_point));
    } else if (c.code_point < 0x10000) {
      out += fmt::format("\\u{:04x}", static_cast<uint32_t>(c.code_point));
    } else {
      out += fmt::format("\\U{:08x}", static_cast<uint32_t>(c.code_point));
    }
    i += c.length;
  }
  out += quote;
  return out;
}

// The shortest digits that give the number back; with an exponent below 1e-4 and from 1e16 on.
std::string repr(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  char digits[32];
  const double magnitude = std::abs(number);
  const bool exponent = magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e16);
  if (exponent) {
    const auto result = std::to_chars(digits, digits + sizeof(digits), number, std::chars_format::scientific);
    return {digits, result.ptr};
  }
  const auto result = std::to_chars(digits, digits + sizeof(digits), number, std::chars_format::fixed);
  std::string text(digits, result.ptr);
  if (text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string repr(const Value& value, Budget& budget) {
  Printer printer(budget);
  printer.print(value);
  return printer.take();
}

std::string str(const Value& value, Budget& budget) {
  if (const Text* text = value.text()) {
    budget.scan(text->bytes.size());
    return text->bytes;
  }
  return value.is_undefined() ? "" : repr(value, budget);
}

std::string to_json(const Value& value, const JsonStyle& style, Budget& budget) {
  JsonPrinter printer(style, budget);
  printer.print(value);
  return printer.take();
}

}  // namespace qkv::jinja
