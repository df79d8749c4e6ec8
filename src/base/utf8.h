// UTF-8 as RFC 3629 defines it: no surrogates, nothing above U+10FFFF, no overlong forms.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qkv {

// Length in bytes of the longest prefix of `text` that is valid UTF-8; text.size() if all of it is.
size_t valid_utf8_prefix(std::string_view text);

inline bool is_valid_utf8(std::string_view text) { return valid_utf8_prefix(text) == text.size(); }

// Replaces each maximal part of an invalid sequence by one U+FFFD (Unicode 15, section 3.9, "substitution of maximal subparts"), as
// Python's errors="replace" does.
// If `replacements` is not null, the place of each is appended to it.
struct Utf8Replacement {
  size_t end, source_end;  // end of the U+FFFD in the result, and end of the replaced part of the text
};
std::string replace_invalid_utf8(std::string_view text, std::vector<Utf8Replacement>* replacements = nullptr);

bool is_ascii(std::string_view text);

// Length of the character that starts with this byte of valid UTF-8.
inline size_t utf8_length(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

struct Character {
  char32_t code_point;
  size_t length;  // in bytes
};

// The character at `position` of valid UTF-8; position < text.size().
inline Character character_at(std::string_view text, size_t position) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[position + i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return {first, 1};
  if (first < 0xE0) return {(first & 0x1Fu) << 6 | (byte(1) & 0x3Fu), 2};
  if (first < 0xF0) return {(first & 0x0Fu) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu), 3};
  return {(first & 0x07u) << 18 | (byte(1) & 0x3Fu) << 12 | (byte(2) & 0x3Fu) << 6 | (byte(3) & 0x3Fu), 4};
}

// Number of characters of valid UTF-8.
size_t count_characters(std::string_view text);

void append_utf8(std::string& text, char32_t code_point);

}  // namespace qkv
