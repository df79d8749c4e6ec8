#include "chat/jinja/python_string.h"

#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>

#include "base/utf8.h"
#include "text/unicode/unicode.h"

namespace qkv::jinja {
namespace {

// The start of the last character of a non-empty text.
size_t last_character(std::string_view text) {
  size_t at = text.size() - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

bool contains(std::string_view set, std::string_view character) {
  for (size_t i = 0; i < set.size(); i += utf8_length(set[i])) {
    if (set.substr(i, utf8_length(set[i])) == character) return true;
  }
  return false;
}

bool is_line_end(char32_t c) { return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029; }

std::string to_utf8(const icu::UnicodeString& text) {
  std::string out;
  text.toUTF8String(out);
  return out;
}
icu::UnicodeString from_utf8(std::string_view text) {
  return icu::UnicodeString::fromUTF8({text.data(), static_cast<int32_t>(std::min<size_t>(text.size(), INT32_MAX))});
}

}  // namespace

bool is_space(char32_t c) { return (c >= 0x1C && c <= 0x1F) || is_white_space(c); }
bool is_word_letter(char32_t c) { return c == '_' || (U_GET_GC_MASK(static_cast<UChar32>(c)) & (U_GC_L_MASK | U_GC_N_MASK)) != 0; }

// Everything but the categories C* and Z*, and the space.
bool is_printable(char32_t c) {
  if (c == ' ') return true;
  constexpr uint32_t kHidden = U_GC_C_MASK | U_GC_Z_MASK;
  return (U_GET_GC_MASK(static_cast<UChar32>(c)) & kHidden) == 0;
}

std::string_view strip(std::string_view text, std::optional<std::string_view> set, Ends ends) {
  const auto goes = [&](std::string_view character) {
    return set ? contains(*set, character) : is_space(character_at(character, 0).code_point);
  };
  while (ends != Ends::right && !text.empty()) {
    const size_t length = utf8_length(text.front());
    if (!goes(text.substr(0, length))) break;
    text.remove_prefix(length);
  }
  while (ends != Ends::left && !text.empty()) {
    const size_t last = last_character(text);
    if (!goes(text.substr(last))) break;
    text = text.substr(0, last);
  }
  return text;
}

std::string upper(std::string_view text) { return to_utf8(from_utf8(text).toUpper(icu::Locale::getRoot())); }
std::string lower(std::string_view text) { return lower_case(text); }

namespace {
std::string title_character(std::string_view character) {
  const auto c = static_cast<UChar32>(character_at(character, 0).code_point), simple = u_totitle(c);
  // Only lower-case letters without a simple mapping can become several characters.
  if (simple == c && u_isULowercase(c)) return to_utf8(from_utf8(character).toTitle(nullptr, icu::Locale::getRoot()));
  std::string out;
  append_utf8(out, static_cast<char32_t>(simple));
  return out;
}
}  // namespace

std::string capitalize(std::string_view text) {
  if (text.empty()) return "";
  const size_t first = utf8_length(text.front());
  return title_character(text.substr(0, first)) + lower(text.substr(first));
}

std::string title(std::string_view text) {
  std::string out;
  bool in_word = false;
  for (size_t i = 0; i < text.size();) {
    const Character c = character_at(text, i);
    const std::string_view character = text.substr(i, c.length);
    out += in_word ? lower(character) : title_character(character);
    in_word = u_hasBinaryProperty(static_cast<UChar32>(c.code_point), UCHAR_CASED);
    i += c.length;
  }
  return out;
}

std::string case_fold(std::string_view text) { return to_utf8(from_utf8(text).foldCase()); }

std::string swap_case(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const Character c = character_at(text, i);
    const std::string_view character = text.substr(i, c.length);
    out += u_isUUppercase(static_cast<UChar32>(c.code_point)) ? lower(character) : upper(character);
    i += c.length;
  }
  return out;
}

std::vector<std::string_view> split_at_spaces(std::string_view text, int64_t most, bool from_right) {
  std::vector<std::string_view> parts;
  const Ends ends = from_right ? Ends::right : Ends::left;
  const auto is_space_at = [&](size_t at) { return is_space(character_at(text, at).code_point); };
  for (text = strip(text, std::nullopt, ends); !text.empty(); text = strip(text, std::nullopt, ends)) {
    if (most >= 0 && static_cast<int64_t>(parts.size()) == most) {
      parts.push_back(text);
      break;
    }
    if (from_right) {
      size_t begin = text.size();
      while (begin > 0 && !is_space_at(last_character(text.substr(0, begin)))) begin = last_character(text.substr(0, begin));
      parts.push_back(text.substr(begin));
      text = text.substr(0, begin);
    } else {
      size_t end = 0;
      while (end < text.size() && !is_space_at(end)) end += utf8_length(text[end]);
      parts.push_back(text.substr(0, end));
      text.remove_prefix(end);
    }
  }
  if (from_right) std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string_view> split_at(std::string_view text, std::string_view separator, int64_t most, bool from_right) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t found = most >= 0 && static_cast<int64_t>(parts.size()) == most ? std::string_view::npos
                         : from_right                                            ? text.rfind(separator)
                                                                                 : text.find(separator);
    if (found == std::string_view::npos) break;
    parts.push_back(from_right ? text.substr(found + separator.size()) : text.substr(0, found));
    text = from_right ? text.substr(0, found) : text.substr(found + separator.size());
  }
  parts.push_back(text);
  if (from_right) std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  size_t begin = 0;
  for (size_t i = 0; i < text.size();) {
    const Character c = character_at(text, i);
    const size_t end = i;
    i += c.length;
    if (!is_line_end(c.code_point)) continue;
    if (c.code_point == '\r' && i < text.size() && text[i] == '\n') ++i;
    lines.push_back(text.substr(begin, (keep_ends ? i : end) - begin));
    begin = i;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

std::optional<std::string> replace(std::string_view text, std::string_view old, std::string_view fresh, int64_t most, size_t limit) {
  std::string out;
  size_t at = 0;
  for (int64_t count = 0; most < 0 || count < most; ++count) {
    if (out.size() > limit) return std::nullopt;
    if (old.empty()) {  // before each character and at the end
      out += fresh;
      if (at >= text.size()) return out;
      const size_t length = utf8_length(text[at]);
      out += text.substr(at, length);
      at += length;
      continue;
    }
    const size_t found = text.find(old, at);
    if (found == std::string_view::npos) break;
    out += text.substr(at, found - at);
    out += fresh;
    at = found + old.size();
  }
  out += text.substr(at);
  if (out.size() > limit) return std::nullopt;
  return out;
}

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&#34;";
    } else if (c == '\'') {
      out += "&#39;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string_view characters(std::string_view text, int64_t begin, int64_t end) {
  size_t at = 0;
  int64_t count = 0;
  for (; count < begin && at < text.size(); ++count) at += utf8_length(text[at]);
  const size_t first = at;
  for (; count < end && at < text.size(); ++count) at += utf8_length(text[at]);
  return text.substr(first, at - first);
}

}  // namespace qkv::jinja
