// The methods of Python's str.
#include <unicode/uchar.h>

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "chat/jinja/builtins.h"
#include "chat/jinja/interpreter.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/python_string.h"
#include "chat/jinja/python_text.h"

namespace qkv::jinja {
namespace {

const std::string& bytes_of(const Value& self) { return self.text()->bytes; }

template <std::string (*change)(std::string_view)>
Value changed(Interpreter& interpreter, const Value& self, CallArguments& arguments) {
  const Parameters none(arguments, "this method", {});
  interpreter.budget().scan(bytes_of(self).size() * 16);
  return interpreter.text(change(bytes_of(self)));
}

template <Ends ends>
Value strip_method(Interpreter& interpreter, const Value& self, CallArguments& arguments) {
  const Parameters given(arguments, "strip()", {"chars"});
  std::optional<std::string_view> set;
  if (given.has_value(0)) set = given.text(0);
  interpreter.budget().scan(bytes_of(self).size() * (1 + (set ? set->size() / 16 : 0)));
  return interpreter.text(std::string(strip(bytes_of(self), set, ends)));
}

Value texts(Interpreter& interpreter, const std::vector<std::string_view>& parts, ListKind kind = ListKind::list) {
  std::vector<Value> values;
  values.reserve(parts.size());
  for (const std::string_view part : parts) values.push_back(interpreter.text(std::string(part)));
  return interpreter.list(std::move(values), kind);
}

template <bool from_right>
Value split(Interpreter& interpreter, const Value& self, CallArguments& arguments) {
  const Parameters given(arguments, "split()", {"sep", "maxsplit"});
  const int64_t most = given.integer_or(1, -1);
  if (!given.has_value(0)) return texts(interpreter, split_at_spaces(bytes_of(self), most, from_right));
  if (given.text(0).empty()) fault("empty separator");
  return texts(interpreter, split_at(bytes_of(self), given.text(0), most, from_right));
}

Value split_lines_method(Interpreter& interpreter, const Value& self, CallArguments& arguments) {
  const Parameters given(arguments, "splitlines()", {"keepends"});
  return texts(interpreter, split_lines(bytes_of(self), given.truth_or(0, false)));
}

template <bool from_right>
Value partition(Interpreter& interpreter, const Value& self, CallArguments& arguments) {
  const Parameters given(arguments, "partition()", {"sep"}, 1);
  const std::string_view text = bytes_of(self), separator = given.text(0);
  if (separator.empty()) fault("empty separator");
  const size_t found = from_right ? text.rfind(separator) : text.find(separator);
  if (found != std::string_view::npos)
    return texts(interpreter, {text.substr(0, found), separator, text.substr(found + separator.size())}, ListKind::tuple);
  return from_right ? texts(interpreter, {"", "", text}, ListKind::tuple) : texts(interpreter, {text, "", ""}, ListKind::tuple);
}

// The part of the text that a method with the bounds `start` and `end` looks at, and where it begins.
struct Part {
  std::string_view text;
  int64_t begin = 0;
  bool possible = true;  // false: start is behind the end of the text
};
Part part_of(const Value& self, const Parameters& given) {
  if (!given.has_value(1) && !given.has_value(2)) return {bytes_of(self)};
  const int64_t size = length_of(self);
  const auto bound = [&](size_t i, int64_t otherwise) {
    if (!given.has_value(i)) return otherwise;
    const int64_t at = given.integer(i);
    return at < 0 ? std::max(at, -size) + size : at;
  };
  const int64_t begin = bound(1, 0), end = std::min(bound(2, size), size);
  return {characters(bytes_of(self), begin, std::max(begin, end)), begin, begin <= size};
}

template <bool at_end>
Value has_affix(Interpreter& interpreter, const Value& self, CallArguments& arguments) {
  const Parameters given(arguments, at_end ? "endswith()" : "startswith()", {"prefix", "start", "end"}, 1);
  const Part part = part_of(self, given);
  const auto fits = [&](const Value& affix) {
    require_defined(affix);
    if (!affix.text()) fault("startswith and endswith need a str or a tuple of str, not {}", affix.type_name());
    const std::string& text = affix.text()->bytes;
    return part.possible && (at_end ? part.text.ends_with(text) : part.text.starts_with(text));
  };
  const List* list = given[0].list();
  if (!list || list->kind != ListKind::tuple) return fits(given[0]);
  interpreter.budget().step(static_cast<int64_t>(list->items.size()));
  return std::any_of(list->items.begin(), list->items.end(), fits);
}

template <bool from_right, bool must>
Value find(Interpreter& interpreter, const Value& self, CallArguments& arguments) {
  const Parameters given(arguments, must ? "index()" : "find()", {"sub", "start", "end"}, 1);
  const Part part = part_of(self, given);
  interpreter.budget().scan(bytes_of(self).size());
  const size_t found = !part.possible ? std::string_view::npos
                       : from_right   ? part.text.rfind(given.text(0))
                                      : part.text.find(given.text(0));
  if (found != std::string_view::npos) return part.begin + static_cast<int64_t>(count_characters(part.text.substr(0, found)));
  if (must) fault("substring not found");
  return int64_t{-1};
}

Value count(Interpreter& interpreter, const Value& self, CallArguments& arguments) {
  const Parameters given(arguments, "count()", {"sub", "start", "end"}, 1);
  const Part part = part_of(self, given);
  const std::string& wanted = given.text(0);
  interpreter.budget().scan(bytes_of(self).size());
  if (!part.possible) return int64_t{0};
  if (wanted.empty()) return static_cast<int64_t>(count_characters(part.text)) + 1;
  int64_t count = 0;
  for (size_t at = part.text.find(wanted); at != std::string_view::npos; at = part.text.find(wanted, at + wanted.size())) ++count;
  return count;
}

Value replace_method(Interpreter& interpreter, const Value& self, CallArguments& arguments) {
  const Parameters given(arguments, "replace()", {"old", "new", "count"}, 2);
  auto result = replace(bytes_of(self), given.text(0), given.text(1), given.integer_or(2, -1), interpreter.budget().room());
  if (!result) fault("makes a text that is too long");
  return interpreter.text(std::move(*result));
}

template <bool at_end>
Value remove_affix(Interpreter& interpreter, const Value& self, CallArguments& arguments) {
  const Parameters given(arguments, at_end ? "removesuffix()" : "removeprefix()", {"affix"}, 1);
  std::string_view text = bytes_of(self);
  const std::string& affix = given.text(0);
  if (at_end && text.ends_with(affix)) text.remove_suffix(affix.size());
  if (!at_end && text.starts_with(affix)) text.remove_prefix(affix.size());
  return interpreter.text(std::string(text));
}

Value join(Interpreter& interpreter, const Value& self, CallArguments& arguments) {
  const Parameters given(arguments, "join()", {"iterable"}, 1);
  require_defined(given[0]);
  std::string out;
  bool first = true;
  for (const Value& item : EachItem(given[0], &interpreter.budget())) {
    if (!item.text()) fault("join(): expected str instance, {} found", item.type_name());
    if (!std::exchange(first, false)) out += bytes_of(self);
    interpreter.budget().scan(item.text()->bytes.size() + bytes_of(self).size());
    out += item.text()->bytes;
    interpreter.budget().require_room(out.size());
  }
  return interpreter.text(std::move(out));
}

enum class Place { left, right, center, zeros };
template <Place place>
Value pad(Interpreter& interpreter, const Value& self, CallArguments& arguments) {
  const Parameters given(arguments, "a method that pads", {"width", "fillchar"}, 1);
  const std::string fill = place == Place::zeros ? "0" : given.has(1) ? given.text(1) : " ";
  if (count_characters(fill) != 1) fault("The fill character must be exactly one character long");
  const int64_t width = given.integer(0), length = length_of(self), missing = width - length;
  if (width > 1'000'000) fault("a text cannot be padded to {} characters", width);
  if (missing <= 0) return self;
  // As Python centers: the odd one goes to the left if the width is odd.
  const int64_t left = place == Place::left ? 0 : place == Place::center ? missing / 2 + (missing & width & 1) : missing;
  const auto repeated = [&](int64_t times) {
    std::string out;
    for (int64_t i = 0; i < times; ++i) out += fill;
    return out;
  };
  const std::string& text = bytes_of(self);
  const bool sign = place == Place::zeros && !text.empty() && (text[0] == '-' || text[0] == '+');
  return interpreter.text(text.substr(0, sign) + repeated(left) + text.substr(sign) + repeated(missing - left));
}

template <bool (*test)(char32_t), bool if_empty = false>
Value all(Interpreter& interpreter, const Value& self, CallArguments& arguments) {
  const Parameters none(arguments, "this method", {});
  const std::string& text = bytes_of(self);
  interpreter.budget().scan(text.size());
  if (text.empty()) return if_empty;
  for (size_t i = 0; i < text.size();) {
    const Character c = character_at(text, i);
    if (!test(c.code_point)) return false;
    i += c.length;
  }
  return true;
}

bool is_decimal(char32_t c) { return u_charType(static_cast<UChar32>(c)) == U_DECIMAL_DIGIT_NUMBER; }
bool is_digit(char32_t c) {
  const auto type = u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_NUMERIC_TYPE);
  return type == U_NT_DECIMAL || type == U_NT_DIGIT;
}
bool is_numeric_character(char32_t c) { return u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_NUMERIC_TYPE) != U_NT_NONE; }
bool is_alpha(char32_t c) { return (U_GET_GC_MASK(static_cast<UChar32>(c)) & U_GC_L_MASK) != 0; }
bool is_alnum(char32_t c) { return is_alpha(c) || is_numeric_character(c); }
bool is_ascii_character(char32_t c) { return c < 0x80; }

template <bool is_upper>
Value has_case(Interpreter& interpreter, const Value& self, CallArguments& arguments) {
  return find_test(is_upper ? "upper" : "lower")(interpreter, self, arguments);
}

Value is_title(Interpreter& interpreter, const Value& self, CallArguments& arguments) {
  const Parameters none(arguments, "istitle()", {});
  interpreter.budget().scan(bytes_of(self).size() * 16);
  return title(bytes_of(self)) == bytes_of(self) && lower(bytes_of(self)) != upper(bytes_of(self));
}

// str.format with {}, {0}, {name} and no more.
Value format(Interpreter& interpreter, const Value& self, CallArguments& arguments) {
  const std::string& pattern = bytes_of(self);
  std::string out;
  size_t next = 0;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if ((c == '{' || c == '}') && i + 1 < pattern.size() && pattern[i + 1] == c) {
      out += c;
      ++i;
      continue;
    }
    if (c == '}') fault("Single '}}' encountered in format string");
    if (c != '{') {
      out += c;
      continue;
    }
    const size_t end = pattern.find('}', i);
    if (end == std::string::npos) fault("Single '{{' encountered in format string");
    const std::string field = pattern.substr(i + 1, end - i - 1);
    i = end;
    if (field.find_first_of(".[!:{") != std::string::npos)
      fault_unsupported("fields of str.format beyond {{}}, {{0}} and {{name}} are not supported");
    const bool numbered =
        !field.empty() && field.size() < 6 && std::all_of(field.begin(), field.end(), [](char d) { return d >= '0' && d <= '9'; });
    if (field.empty() || numbered) {
      const size_t at = numbered ? static_cast<size_t>(std::stoi(field)) : next++;
      if (at >= arguments.positional.size()) fault("Replacement index {} out of range for positional args tuple", at);
      out += str(arguments.positional[at], interpreter.budget());
    } else {
      const auto found =
          std::find_if(arguments.named.begin(), arguments.named.end(), [&](const auto& each) { return each.first == field; });
      if (found == arguments.named.end()) fault("str.format has no argument '{}'", field);
      out += str(found->second, interpreter.budget());
    }
    interpreter.budget().require_room(out.size());
  }
  return interpreter.text(std::move(out));
}

constexpr std::array<Named<Method>, 41> kMethods = {{{"strip", strip_method<Ends::both>},
                                                     {"lstrip", strip_method<Ends::left>},
                                                     {"rstrip", strip_method<Ends::right>},
                                                     {"split", split<false>},
                                                     {"rsplit", split<true>},
                                                     {"splitlines", split_lines_method},
                                                     {"partition", partition<false>},
                                                     {"rpartition", partition<true>},
                                                     {"startswith", has_affix<false>},
                                                     {"endswith", has_affix<true>},
                                                     {"removeprefix", remove_affix<false>},
                                                     {"removesuffix", remove_affix<true>},
                                                     {"find", find<false, false>},
                                                     {"rfind", find<true, false>},
                                                     {"index", find<false, true>},
                                                     {"rindex", find<true, true>},
                                                     {"count", count},
                                                     {"replace", replace_method},
                                                     {"join", join},
                                                     {"format", format},
                                                     {"upper", changed<upper>},
                                                     {"lower", changed<lower>},
                                                     {"casefold", changed<case_fold>},
                                                     {"capitalize", changed<capitalize>},
                                                     {"title", changed<title>},
                                                     {"swapcase", changed<swap_case>},
                                                     {"ljust", pad<Place::left>},
                                                     {"rjust", pad<Place::right>},
                                                     {"center", pad<Place::center>},
                                                     {"zfill", pad<Place::zeros>},
                                                     {"isspace", all<is_space>},
                                                     {"isdigit", all<is_digit>},
                                                     {"isdecimal", all<is_decimal>},
                                                     {"isnumeric", all<is_numeric_character>},
                                                     {"isalpha", all<is_alpha>},
                                                     {"isalnum", all<is_alnum>},
                                                     {"isascii", all<is_ascii_character, true>},
                                                     {"isprintable", all<is_printable, true>},
                                                     {"islower", has_case<false>},
                                                     {"isupper", has_case<true>},
                                                     {"istitle", is_title}}};

}  // namespace

Method find_text_method(std::string_view name) { return find_named(kMethods, name); }

}  // namespace qkv::jinja
