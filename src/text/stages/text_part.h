// Long texts part by part: a range of a file, and where a text may be cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/files.h"

namespace qkv {

// A text file, or a range of its bytes that begins and ends with whole characters.
struct TextPart {
  std::filesystem::path path;
  size_t begin = 0, end = SIZE_MAX;  // an end beyond the file's is the file's
};

// Its text, without the file's byte-order mark; what lies beyond the file's end is empty.
std::string_view view_of(const MappedFile& file, const TextPart& part);

// A place at or soon after `wanted` (0 < wanted) where `text` may be cut so that its parts have the tokens that the whole has: before the
// white space between two words, where a tokenizer that does not look beyond its pieces begins a new one. Where no such place comes soon,
// behind a letter or digit and before what is none: before punctuation, if there is any (texts without spaces, of Japanese say). GPT-2's
// pattern and those after it part a text there, too. Where not even that comes soon, the next beginning of a character; or, with
// between_words, the first such place however far it is. Never within a `separator`. The text's size where it ends before.
size_t text_cut(std::string_view text, size_t wanted, std::string_view separator = {}, bool between_words = false);

}  // namespace qkv
