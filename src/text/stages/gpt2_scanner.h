// GPT-2's pattern, 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+, as a scanner.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/utf8.h"

namespace qkv {

class Gpt2Scanner {
 public:
  // The text must be valid UTF-8.
  explicit Gpt2Scanner(std::string_view text) : text_(text) {}

  // The end of the match that begins at `begin`; a match begins at every position.
  size_t match_end(size_t begin) const {
    const bool space = text_[begin] == ' ' && begin + 1 < text_.size();
    const size_t start = space ? begin + 1 : begin;
    const Kind kind = class_at(start).kind;
    if (kind == letter || kind == number) return run_end(start, kind);
    if (kind == space_) return space_end(begin);
    if (const size_t length = contraction(begin)) return begin + length;
    return run_end(start, kind);
  }

 private:
  enum Kind : uint8_t { space_, letter, number, other };
  struct Class {
    Kind kind;
    size_t length;  // of the character
  };
  // Class and length are tabulated for characters below kDirect.
  static constexpr char32_t kDirect = 0x3000;
  static const std::array<Kind, kDirect>& table();
  static Kind kind_of(char32_t c);

  Class class_at(size_t i) const {
    const Character c = character_at(text_, i);
    return {c.code_point < kDirect ? table_[c.code_point] : kind_of(c.code_point), c.length};
  }

  size_t run_end(size_t begin, Kind kind) const {
    size_t i = begin;
    while (i < text_.size()) {
      const Class next = class_at(i);
      if (next.kind != kind) break;
      i += next.length;
    }
    return i;
  }

  // White space: all of it at the end of the text, otherwise all but the last character, which belongs to the next match.
  size_t space_end(size_t begin) const;
  size_t contraction(size_t begin) const;

  std::string_view text_;
  const std::array<Kind, kDirect>& table_ = table();
};

}  // namespace qkv
