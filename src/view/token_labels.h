// Tokens as people read them, for the axes of a picture.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "qkv/tokenizer.h"

namespace qkv {

// One label for each id: the text that it adds to the sequence, with "▁" for a space and "↵" for a line end; the names of special tokens;
// "…" for a token that ends within a character, which stands at the token that completes it; "<U+200B>" for what cannot be seen.
std::vector<std::string> token_labels(const Tokenizer& tokenizer, std::span<const int32_t> ids);

// A text for a heading: its spaces stay, line ends and what cannot be seen are as in labels.
std::string on_one_visible_line(std::string_view text);

// Columns that a terminal needs for valid UTF-8: 2 for East Asian wide characters, 0 for combining marks.
int display_width(std::string_view text);

// The text cut to at most `width` columns, with "…" in place of what is missing.
std::string fit_to_width(std::string_view text, int width);

}  // namespace qkv
