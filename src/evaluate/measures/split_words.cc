#include "evaluate/measures/split_words.h"

#include "base/utf8.h"

namespace qkv {

// The characters for which str.isspace() is true: Unicode's White_Space and the separators U+001C to U+001F.
size_t white_space_at(std::string_view text, size_t position) {
  const auto byte = static_cast<unsigned char>(text[position]);
  if (byte < 0x80) return byte == ' ' || (byte >= 0x09 && byte <= 0x0D) || (byte >= 0x1C && byte <= 0x1F) ? 1 : 0;
  if (byte != 0xC2 && (byte < 0xE1 || byte > 0xE3)) return 0;
  const auto [c, length] = character_at(text, position);
  const bool space = c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
                     c == 0x205F || c == 0x3000;
  return space ? length : 0;
}

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  size_t begin = 0;
  for (size_t i = 0; i < text.size();) {
    const size_t space = white_space_at(text, i);
    if (space == 0) {
      ++i;  // no continuation byte begins a white space character
      continue;
    }
    if (begin < i) words.push_back(text.substr(begin, i - begin));
    i += space;
    begin = i;
  }
  if (begin < text.size()) words.push_back(text.substr(begin));
  return words;
}

}  // namespace qkv
