#include "text/text_part.h"

#include <algorithm>

#include "text/unicode.h"
#include "text/utf8.h"

namespace qkv {
namespace {

constexpr size_t kReach = size_t{1} << 16;  // bytes that are searched for a good place

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

bool is_ascii_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Is the character at `position` white space? What is not valid UTF-8 is not.
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

// The first good place in [begin, end): a single space between words, else any white space after a word.
size_t find_place(std::string_view text, size_t begin, size_t end) {
  size_t second_best = end;
  for (size_t i = begin; i < end; ++i) {
    if (!is_ascii_space(text[i]) || is_space_at(text, previous_character(text, i))) continue;
    if (text[i] == ' ' && i + 1 < text.size() && !is_space_at(text, i + 1)) return i;
    second_best = std::min(second_best, i);
  }
  return second_best;
}

}  // namespace

std::string_view view_of(const MappedFile& file, const TextPart& part) {
  const size_t end = std::min(part.end, file.size()), begin = std::min(part.begin, end);
  return file.text().substr(begin, end - begin);
}

size_t text_cut(std::string_view text, size_t wanted, std::string_view separator) {
  if (wanted >= text.size()) return text.size();
  const size_t end = std::min(text.size(), wanted + kReach);
  size_t cut = find_place(text, wanted, end);
  if (cut == end) {
    cut = wanted;
    while (cut < text.size() && is_continuation(text[cut])) ++cut;
  }
  if (!separator.empty()) {
    const size_t found = text.find(separator, cut - std::min(cut, separator.size() - 1));
    if (found < cut) cut = found + separator.size();
  }
  return cut;
}

}  // namespace qkv
