// Readable labels of tokens for the axes of a picture.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "qkv/tokenizer.h"

namespace qkv {

// One label per id: the text that it adds to the sequence, with "␣" for a space and "\n", "\t" and "\r" for line ends and tabs. Special
// tokens have their names, invisible characters their code points ("<U+200B>"). A token that holds a part of a character's bytes shows the
// character and the number of the part ("字(1/3)"), or its bytes ("<0xE5>") if the sequence lacks the rest.
std::vector<std::string> token_labels(const Tokenizer& tokenizer, std::span<const int32_t> ids);

// Explains the signs that occur in these labels: "␣ space, \n line end"; empty if there are none.
std::string label_notes(std::span<const std::string> labels);

// A text for a heading: spaces are kept, line ends and invisible characters are replaced as in labels.
std::string on_one_visible_line(std::string_view text);

// Columns that a terminal needs for valid UTF-8: 2 for East Asian wide characters, 0 for combining marks.
int display_width(std::string_view text);

// The text, shortened to `width` columns with "…" at the end if it is wider.
std::string fit_to_width(std::string_view text, int width);

// The text, shortened or filled with spaces to `width` columns; `right`: aligned to the right.
std::string padded(std::string_view text, int width, bool right = false);

}  // namespace qkv
