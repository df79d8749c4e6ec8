#include "text/stages/text_part.h"

#include <algorithm>
#include <cstdint>

#include "base/utf8.h"
#include "text/unicode/unicode.h"

namespace qkv {
namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

bool is_ascii_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// True if the character at `position` is white space; false for invalid UTF-8.
bool is_space_at(std::string_view text, size_t position) {
  if (static_cast<unsigned char>(text[position]) < 0x80) return is_ascii_space(text[position]);
  const std::string_view rest = text.substr(position, 4);
  return valid_utf8_prefix(rest) >= utf8_length(rest[0]) && is_white_space(character_at(rest, 0).code_point);
}

size_t previous_character(std::string_view text, size_t position) {
  do {
    --position;
  } while (position > 0 && is_continuation(text[position]));
  return position;
}

// The first good place in [begin, end): a single space between words, otherwise any white space after a word.
size_t find_place(std::string_view text, size_t begin, size_t end) {
  size_t second_best = end;
  for (size_t i = begin; i < end; ++i) {
    if (!is_ascii_space(text[i]) || is_space_at(text, previous_character(text, i))) continue;
    if (text[i] == ' ' && i + 1 < text.size() && !is_space_at(text, i + 1)) return i;
    second_best = std::min(second_best, i);
  }
  return second_best;
}

enum class Class : uint8_t { letter, number, other, none };

// Classes as in the patterns: \p{L}, \p{N}. `none`: invalid UTF-8.
Class class_at(std::string_view text, size_t position) {
  const std::string_view rest = text.substr(position, 4);
  if (valid_utf8_prefix(rest) < utf8_length(rest[0])) return Class::none;
  const char32_t c = character_at(rest, 0).code_point;
  return is_letter(c) ? Class::letter : is_number(c) ? Class::number : Class::other;
}

// The first place in [begin, end) between letters or digits and punctuation; otherwise between them and a character of another class.
size_t find_edge(std::string_view text, size_t begin, size_t end) {
  size_t second_best = end, i = begin;
  while (i < end && is_continuation(text[i])) ++i;
  Class before = i < end && i > 0 ? class_at(text, previous_character(text, i)) : Class::none;
  for (Class here; i < end; i += here == Class::none ? 1 : utf8_length(text[i])) {
    here = class_at(text, i);
    if (here == Class::none || before == Class::none || before == Class::other || here == before) {
      before = here;
      continue;
    }
    if (here == Class::other && is_punctuation(character_at(text, i).code_point)) return i;
    second_best = std::min(second_best, i);
    before = here;
  }
  return second_best;
}

}  // namespace

TextPart opened(const TextPart& part, const TextSourceOptions& options) { return {part.source.opened(options), part.begin, part.end}; }

std::string_view view_of(const TextPart& part) {
  const std::string_view text = part.source.text();
  const size_t end = std::min(part.end, text.size()), begin = std::min(part.begin, end);
  return text.substr(begin, end - begin);
}

size_t text_cut(std::string_view text, size_t wanted, std::string_view separator, bool between_words) {
  if (wanted >= text.size()) return text.size();
  constexpr size_t kReach = size_t{1} << 16;  // bytes that are searched for better kinds of places before others are accepted
  size_t cut = text.size();
  for (size_t begin = wanted, end; begin < text.size(); begin = end) {
    end = std::min(text.size(), begin + kReach);
    size_t place = find_place(text, begin, end);
    if (place == end) place = find_edge(text, begin, end);
    if (place < end) {
      cut = place;
      break;
    }
    if (between_words) continue;
    cut = wanted;
    while (cut < text.size() && is_continuation(text[cut])) ++cut;
    break;
  }
  if (!separator.empty()) {
    const size_t found = text.find(separator, cut - std::min(cut, separator.size() - 1));
    if (found < cut) cut = found + separator.size();
  }
  return cut;
}

}  // namespace qkv
