// Cuts a raw text into words that are encoded separately with the same result as within the text: words seen before need only a lookup, and
// a long text is never copied as a whole.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/utf8.h"
#include "text/pipeline/pipeline.h"
#include "text/stages/gpt2_scanner.h"
#include "text/unicode/unicode.h"

namespace qkv {

// The places at which the stages, which may be null, allow a raw text to be cut.
inline WordCuts word_cuts_of(const Normalizer* normalizer, const PreTokenizer* pre_tokenizer) {
  if (!pre_tokenizer || pre_tokenizer->looks_at_place()) return WordCuts::none;
  const WordCuts cuts = pre_tokenizer->word_cuts();
  if (!normalizer) return cuts;
  const Separable separable = normalizer->separable();
  if (cuts == WordCuts::none || separable == Separable::never) return WordCuts::none;
  if (separable == Separable::where_spaces_vanish) return cuts == WordCuts::spaces_vanish ? cuts : WordCuts::none;
  return cuts == WordCuts::gpt2 ? WordCuts::spaces : cuts;
}

// True if the character that ends at `end` is white space. `text` is valid UTF-8, 0 < end.
inline bool is_space_before(std::string_view text, size_t end) {
  size_t last = end - 1;
  const auto byte = static_cast<unsigned char>(text[last]);
  if (byte < 0x80) return byte == ' ' || (byte >= '\t' && byte <= '\r');
  while ((static_cast<unsigned char>(text[last]) & 0xC0) == 0x80) --last;
  return is_white_space(character_at(text, last).code_point);
}

// The next space after `begin` that follows a character other than white space, or the end.
inline size_t spaced_word_end(std::string_view text, size_t begin) {
  size_t end = begin + 1;
  while (true) {
    end = text.find(' ', end);
    if (end == std::string_view::npos) return text.size();
    if (!is_space_before(text, end)) return end;
    ++end;
  }
}

// Calls see(word) for the words of valid UTF-8; `cuts` must not be none.
template <typename See>
void for_each_word(WordCuts cuts, std::string_view text, See&& see) {
  const Gpt2Scanner scanner(text);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = cuts == WordCuts::gpt2 ? scanner.match_end(begin) : spaced_word_end(text, begin);
    see(text.substr(begin, end - begin));
    begin = end;
  }
}

}  // namespace qkv
