#include "evaluate/measures/mteval_rules.h"

#include "evaluate/measures/split_words.h"

namespace qkv {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_point(char c) { return c == '.' || c == ','; }
// ASCII punctuation without ' , - and . ; the space is among it, as in the original's character ranges.
bool is_symbol(char c) {
  return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') || (c >= '(' && c <= '+') || (c >= ':' && c <= '@') ||
         c == '/';
}

// One substitution of two neighbouring characters, left to right without overlap, as a regular expression of two classes does it. A
// byte stands for the character it belongs to: no class but "not a digit" has characters beyond ASCII.
template <typename First, typename Second>
std::string space_pairs(std::string_view text, First first, Second second, std::string_view before, std::string_view after) {
  std::string result;
  result.reserve(text.size() + 16);
  for (size_t i = 0; i < text.size(); ++i) {
    if (i + 1 < text.size() && first(text[i]) && second(text[i + 1])) {
      result.append(before).append(1, text[i]).append(1, ' ').append(1, text[i + 1]).append(after);
      ++i;
    } else {
      result += text[i];
    }
  }
  return result;
}

}  // namespace

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  size_t found = text.find(from);
  if (found == std::string::npos) return;
  std::string result;
  size_t begin = 0;
  for (; found != std::string::npos; found = text.find(from, begin)) {
    result.append(text, begin, found - begin).append(to);
    begin = found + from.size();
  }
  text = result.append(text, begin);
}

void replace_entities(std::string& text) {
  if (text.find('&') == std::string::npos) return;
  replace_all(text, "&quot;", "\"");
  replace_all(text, "&amp;", "&");
  replace_all(text, "&lt;", "<");
  replace_all(text, "&gt;", ">");
}

std::string space_around_symbols(std::string_view text) {
  std::string spaced;
  spaced.reserve(text.size() * 2 + 8);
  for (const char c : text) {
    if (is_symbol(c)) {
      spaced.append(1, ' ').append(1, c).append(1, ' ');
    } else {
      spaced += c;
    }
  }
  return spaced;
}

std::string space_around_points(std::string_view text) {
  const auto is_dash = [](char c) { return c == '-'; };
  const auto not_digit = [](char c) { return !is_digit(c); };
  std::string spaced = space_pairs(text, not_digit, is_point, "", " ");  // . and , unless after a digit
  spaced = space_pairs(spaced, is_point, not_digit, " ", "");            // . and , unless before a digit
  return space_pairs(spaced, is_digit, is_dash, "", " ");                // - after a digit
}

std::string_view strip_right(std::string_view text) {
  size_t end = 0;
  for (const std::string_view word : split_words(text)) end = static_cast<size_t>(word.data() - text.data()) + word.size();
  return text.substr(0, end);
}

std::string_view strip_left(std::string_view text) {
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t space = white_space_at(text, begin);
    if (space == 0) break;
    begin += space;
  }
  return text.substr(begin);
}

std::string single_spaced(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const std::string_view word : split_words(text)) {
    if (!result.empty()) result += ' ';
    result.append(word);
  }
  return result;
}

}  // namespace qkv
