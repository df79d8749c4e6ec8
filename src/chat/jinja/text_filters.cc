// Jinja's filters of texts and numbers.
#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include "base/utf8.h"
#include "chat/jinja/builtins.h"
#include "chat/jinja/interpreter.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/python_string.h"
#include "chat/jinja/python_text.h"

namespace qkv::jinja {
namespace {

template <std::string (*change)(std::string_view)>
Value changed(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters none(arguments, "this filter", {});
  return interpreter.text(change(str(value, interpreter.budget())));
}

// Jinja's own: words begin after spaces, hyphens and opening brackets.
std::string jinja_title(std::string_view text) {
  std::string out, word;
  const auto end_word = [&] {
    if (word.empty()) return;
    const size_t first = utf8_length(word.front());
    out += upper(word.substr(0, first)) + lower(word.substr(first));
    word.clear();
  };
  for (size_t i = 0; i < text.size();) {
    const Character c = character_at(text, i);
    const bool separates = is_space(c.code_point) || (c.length == 1 && std::string_view("-({[<").find(text[i]) != std::string_view::npos);
    if (separates) {
      end_word();
      out += text.substr(i, c.length);
    } else {
      word += text.substr(i, c.length);
    }
    i += c.length;
  }
  end_word();
  return out;
}

Value trim(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters given(arguments, "trim", {"chars"});
  const std::string text = str(value, interpreter.budget());
  std::optional<std::string_view> set;
  if (given.has_value(0)) set = given.text(0);
  return interpreter.text(std::string(strip(text, set)));
}

Value replace_filter(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters given(arguments, "replace", {"old", "new", "count"}, 2);
  Budget& budget = interpreter.budget();
  const int64_t most = given.has_value(2) ? given.integer(2) : -1;
  auto result = replace(str(value, budget), str(given[0], budget), str(given[1], budget), most, budget.room());
  if (!result) fault("makes a text that is too long");
  return interpreter.text(std::move(*result));
}

Value string_filter(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters none(arguments, "string", {});
  return value.text() ? value : interpreter.text(str(value, interpreter.budget()));
}

Value safe(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters none(arguments, "safe", {});
  return interpreter.text(str(value, interpreter.budget()), true);
}

Value escape(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters none(arguments, "escape", {});
  if (value.text() && value.text()->safe) return value;
  return interpreter.text(html_escaped(str(value, interpreter.budget())), true);
}

Value force_escape(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters none(arguments, "forceescape", {});
  return interpreter.text(html_escaped(str(value, interpreter.budget())), true);
}

Value indent(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters given(arguments, "indent", {"width", "first", "blank"});
  std::string indention = "    ";
  if (given.has(0) && given[0].text()) {
    indention = given.text(0);
  } else if (given.has(0)) {
    const int64_t width = std::max<int64_t>(given.integer(0), 0);
    if (width > 10'000) fault("indent by {} is too far", width);
    indention = std::string(static_cast<size_t>(width), ' ');
  }
  const bool blank = given.truth_or(2, false);
  std::string text = str(value, interpreter.budget()) + "\n", out;
  const std::vector<std::string_view> lines = split_lines(text, false);
  interpreter.budget().require_room(lines.size() * indention.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += '\n';
    if (i > 0 && (blank || !lines[i].empty())) out += indention;
    out += lines[i];
  }
  return interpreter.text(given.truth_or(1, false) ? indention + out : out);
}

Value center(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  CallArguments with_width = arguments;
  if (with_width.positional.empty() && with_width.named.empty()) with_width.positional.emplace_back(int64_t{80});
  return find_text_method("center")(interpreter, interpreter.text(str(value, interpreter.budget())), with_width);
}

Value truncate(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters given(arguments, "truncate", {"length", "killwords", "end", "leeway"});
  const std::string text = str(value, interpreter.budget()), end = given.has(2) ? given.text(2) : "...";
  const int64_t length = given.integer_or(0, 255), leeway = given.has_value(3) ? given.integer(3) : 5;
  const auto end_length = static_cast<int64_t>(count_characters(end));
  if (length < end_length || leeway < 0) fault("truncate: expected length >= {}, got {}", end_length, length);
  if (static_cast<int64_t>(count_characters(text)) <= length + std::min(leeway, INT64_MAX - length)) return interpreter.text(text);
  std::string cut(characters(text, 0, length - end_length));
  if (!given.truth_or(1, false)) cut = cut.substr(0, cut.rfind(' '));
  return interpreter.text(cut + end);
}

Value word_count(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters none(arguments, "wordcount", {});
  const std::string text = str(value, interpreter.budget());
  int64_t count = 0;
  bool in_word = false;
  for (size_t i = 0; i < text.size();) {
    const Character c = character_at(text, i);
    const bool word = is_word_letter(c.code_point);
    count += word && !in_word;
    in_word = word;
    i += c.length;
  }
  return count;
}

Value url_encode(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters none(arguments, "urlencode", {});
  if (value.dict() || value.list()) fault_unsupported("urlencode of lists and dictionaries is not supported");
  std::string out;
  for (const char c : str(value, interpreter.budget())) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte < 0x80 && (std::isalnum(byte) || std::string_view("_.-~/").find(c) != std::string_view::npos);
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return interpreter.text(std::move(out));
}

Value format(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty()) fault("can't handle positional and keyword arguments at the same time");
  Dict named;
  for (const auto& [name, each] : arguments.named) named.set(name, each);
  return interpreter.text(percent_format(str(value, interpreter.budget()), arguments.positional, arguments.named.empty() ? nullptr : &named,
                                         interpreter.budget()));
}

Value tojson(Interpreter& interpreter, const Value& value, CallArguments& arguments) {
  const Parameters given(arguments, "tojson", {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style{.ensure_ascii = given.truth_or(0, false), .sort_keys = given.truth_or(3, false)};
  if (given.has_value(1)) {
    style.indent = given[1].text() ? given.text(1) : std::string(static_cast<size_t>(std::clamp<int64_t>(given.integer(1), 0, 1000)), ' ');
    style.item_separator = ",";
  }
  if (given.has_value(2)) {
    const auto parts = items_of(given[2], &interpreter.budget());
    if (parts->items.size() != 2 || !parts->items[0].text() || !parts->items[1].text()) fault("tojson: 'separators' must be two strings");
    style.item_separator = parts->items[0].text()->bytes;
    style.key_separator = parts->items[1].text()->bytes;
  }
  return interpreter.text(to_json(value, style, interpreter.budget()));
}

// A number in a text, as Python's float() reads it.
std::optional<double> read_real(std::string_view text) {
  text = strip(text, std::nullopt);
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size() && !text.starts_with("+");
  return whole ? std::optional(number) : std::nullopt;
}

std::optional<int64_t> read_whole(std::string_view text, int64_t base) {
  text = strip(text, std::nullopt);
  const bool minus = text.starts_with('-');
  if (minus || text.starts_with('+')) text.remove_prefix(1);
  const auto prefixed = [&](std::string_view prefix) {
    return text.size() > 2 && text[0] == '0' && static_cast<char>(text[1] | 0x20) == prefix[1];
  };
  if ((base == 16 && prefixed("0x")) || (base == 8 && prefixed("0o")) || (base == 2 && prefixed("0b"))) text.remove_prefix(2);
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, static_cast<int>(base));
  if (text.empty() || text[0] == '-' || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return minus ? -number : number;
}

std::optional<int64_t> whole_of(double real) {
  if (!std::isfinite(real) || std::abs(real) >= 9.2e18) return std::nullopt;
  return static_cast<int64_t>(real);
}

Value int_filter(Interpreter&, const Value& value, CallArguments& arguments) {
  const Parameters given(arguments, "int", {"default", "base"});
  const Value otherwise = given.value_or(0, int64_t{0});
  const int64_t base = given.integer_or(1, 10);
  if (base < 2 || base > 36) fault("int: the base must be between 2 and 36");
  if (value.whole()) return *value.whole();
  std::optional<double> real = value.number();
  if (const Text* text = value.text()) {
    if (const auto whole = read_whole(text->bytes, base)) return *whole;
    real = read_real(text->bytes);
  }
  require_defined(value);
  const auto whole = real ? whole_of(*real) : std::nullopt;
  return whole ? Value(*whole) : otherwise;
}

Value float_filter(Interpreter&, const Value& value, CallArguments& arguments) {
  const Parameters given(arguments, "float", {"default"});
  require_defined(value);
  const std::optional<double> real = value.text() ? read_real(value.text()->bytes) : value.number();
  return real ? Value(*real) : given.value_or(0, 0.0);
}

Value abs_filter(Interpreter&, const Value& value, CallArguments& arguments) {
  const Parameters none(arguments, "abs", {});
  require_defined(value);
  if (value.whole()) return *value.whole() < 0 ? negative(value) : Value(*value.whole());
  if (value.real()) return std::abs(*value.real());
  fault("bad operand type for abs(): '{}'", value.type_name());
}

// Python's round() of a float: to the nearest decimal of the exact value, halves to even.
double rounded(double number, int64_t precision) {
  if (!std::isfinite(number)) return number;
  if (precision > 300) return number;
  if (precision < 0) {
    const double scale = std::pow(10.0, static_cast<double>(std::min<int64_t>(-precision, 308)));
    return std::nearbyint(number / scale) * scale;
  }
  const std::string digits = fmt::format("{:.{}f}", number, precision);
  double result = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), result);
  return result;
}

Value round_filter(Interpreter&, const Value& value, CallArguments& arguments) {
  const Parameters given(arguments, "round", {"precision", "method"});
  require_defined(value);
  if (!value.is_number()) fault("type {} doesn't define __round__ method", value.type_name());
  const int64_t precision = given.integer_or(0, 0);
  const std::string method = given.has(1) ? given.text(1) : "common";
  if (method != "common" && method != "ceil" && method != "floor") fault("method must be common, ceil or floor");
  if (method == "common") {
    if (value.whole() && precision >= 0) return *value.whole();
    const double result = rounded(*value.number(), precision);
    return value.whole() ? Value(static_cast<int64_t>(result)) : Value(result);
  }
  const double scale = std::pow(10.0, static_cast<double>(precision)), scaled = *value.number() * scale;
  return (method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale;
}

constexpr std::array<Named<Filter>, 22> kFilters = {{{"trim", trim},
                                                     {"upper", changed<upper>},
                                                     {"lower", changed<lower>},
                                                     {"capitalize", changed<capitalize>},
                                                     {"title", changed<jinja_title>},
                                                     {"replace", replace_filter},
                                                     {"string", string_filter},
                                                     {"safe", safe},
                                                     {"escape", escape},
                                                     {"e", escape},
                                                     {"forceescape", force_escape},
                                                     {"indent", indent},
                                                     {"center", center},
                                                     {"truncate", truncate},
                                                     {"wordcount", word_count},
                                                     {"urlencode", url_encode},
                                                     {"format", format},
                                                     {"tojson", tojson},
                                                     {"int", int_filter},
                                                     {"float", float_filter},
                                                     {"abs", abs_filter},
                                                     {"round", round_filter}}};

}  // namespace

Filter find_text_filter(std::string_view name) { return find_named(kFilters, name); }

}  // namespace qkv::jinja
