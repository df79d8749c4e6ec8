// Long texts in parts: a range of a file, and places where a text may be cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/text_source.h"

namespace qkv {

// A text, or a byte range of it that begins and ends with whole characters.
struct TextPart {
  TextSource source;
  size_t begin = 0, end = SIZE_MAX;  // an end beyond the text's means the text's end
};

// The part with its source open.
TextPart opened(const TextPart& part, const TextSourceOptions& options = {});
// The characters of an open part; empty beyond the text's end.
std::string_view view_of(const TextPart& part);

// A place at or soon after `wanted` (0 < wanted) where `text` may be cut such that its parts have the same tokens as the whole: before
// white space between two words, where a tokenizer with local pieces begins a new one. If no such place is near, between a letter or digit
// and another character, preferably punctuation (for texts without spaces, such as Japanese); GPT-2's pattern and its successors split
// there, too. If not even that is near, at the next character; or, with between_words, at the first place between words at any distance.
// Never within a `separator`. Returns the text's size if it ends before.
size_t text_cut(std::string_view text, size_t wanted, std::string_view separator = {}, bool between_words = false);

}  // namespace qkv
