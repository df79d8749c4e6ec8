// Counts the white space characters at the beginning and end of a token.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/utf8.h"
#include "text/unicode/unicode.h"

namespace qkv {

// The space of byte-level tokens (Ġ) counts, too.
inline bool is_space_of_token(char32_t c) { return c == 0x120 || is_white_space(c); }

inline uint32_t leading_spaces(std::string_view token) {
  uint32_t count = 0;
  for (size_t i = 0; i < token.size(); ++count) {
    const Character c = character_at(token, i);
    if (!is_space_of_token(c.code_point)) break;
    i += c.length;
  }
  return count;
}

inline uint32_t trailing_spaces(std::string_view token) {
  uint32_t count = 0;
  for (; !token.empty(); ++count) {
    size_t last = token.size() - 1;
    while ((static_cast<unsigned char>(token[last]) & 0xC0) == 0x80 && last > 0) --last;
    if (!is_space_of_token(character_at(token, last).code_point)) break;
    token = token.substr(0, last);
  }
  return count;
}

}  // namespace qkv
