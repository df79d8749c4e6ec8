// Long texts in parts: a range of a file, and places where a text may be cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/files.h"

namespace qkv {

// A text file, or a byte range of it that begins and ends with whole characters.
struct TextPart {
  std::filesystem::path path;
  size_t begin = 0, end = SIZE_MAX;  // an end beyond the file's means the file's end
};

// The text without the file's byte-order mark; empty beyond the file's end.
std::string_view view_of(const MappedFile& file, const TextPart& part);

// A place at or soon after `wanted` (0 < wanted) where `text` may be cut such that its parts have the same tokens as the whole: before
// white space between two words, where a tokenizer with local pieces begins a new one. If no such place is near, between a letter or digit
// and another character, preferably punctuation (for texts without spaces, such as Japanese); GPT-2's pattern and its successors split
// there, too. If not even that is near, at the next character; or, with between_words, at the first place between words at any distance.
// Never within a `separator`. Returns the text's size if it ends before.
size_t text_cut(std::string_view text, size_t wanted, std::string_view separator = {}, bool between_words = false);

}  // namespace qkv
