#include "text/stages/gpt2_scanner.h"

#include "text/unicode/unicode.h"

namespace qkv {

Gpt2Scanner::Kind Gpt2Scanner::kind_of(char32_t c) {
  if (is_letter(c)) return letter;
  if (is_number(c)) return number;
  return is_white_space(c) ? space_ : other;
}

const std::array<Gpt2Scanner::Kind, Gpt2Scanner::kDirect>& Gpt2Scanner::table() {
  static const std::array<Kind, kDirect> kinds = [] {
    std::array<Kind, kDirect> all;
    for (char32_t c = 0; c < kDirect; ++c) all[c] = kind_of(c);
    return all;
  }();
  return kinds;
}

size_t Gpt2Scanner::space_end(size_t begin) const {
  const size_t end = run_end(begin, space_);
  if (end == text_.size()) return end;
  size_t last = end - 1;
  while ((static_cast<unsigned char>(text_[last]) & 0xC0) == 0x80) --last;
  return last > begin ? last : end;
}

size_t Gpt2Scanner::contraction(size_t begin) const {
  if (text_[begin] != '\'') return 0;
  const std::string_view rest = text_.substr(begin + 1, 2);
  for (const std::string_view ending : {"s", "t", "re", "ve", "m", "ll", "d"}) {
    if (rest.starts_with(ending)) return 1 + ending.size();
  }
  return 0;
}

}  // namespace qkv
