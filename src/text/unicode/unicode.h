// Character classes and forms as the `tokenizers` library (0.23) has them.
//
// The tables are ICU's. `tokenizers` takes each class from another Rust crate, and these crates know different versions of
// Unicode, older and newer than ICU's; where they differ, unicode.cc follows the crate, because a tokenizer must cut a text the way it
// did when the model was trained. tests/goldens/tokenizer/unicode.json holds every class over every code point.
#pragma once

#include <string>
#include <string_view>

namespace qkv {

bool is_white_space(char32_t c);      // the property White_Space
bool is_punctuation(char32_t c);      // ASCII punctuation or category P (Unicode 8)
bool is_numeric(char32_t c);          // category N (Unicode 17)
bool is_letter(char32_t c);           // \p{L} (Unicode 16)
bool is_number(char32_t c);           // \p{N} (Unicode 16)
bool is_word_character(char32_t c);   // \w (Unicode 16): alphabetic, mark, decimal digit, connector, join control
bool is_combining_mark(char32_t c);   // category M (Unicode 9)
bool is_nonspacing_mark(char32_t c);  // category Mn (Unicode 8)
bool is_control(char32_t c);          // category Cc, Cf or Co (Unicode 8)

// Appends the lower case of one character; context (a final sigma) is ignored. U+0130 becomes two characters.
void append_lower_case(std::string& text, char32_t c);
// The lower case of valid UTF-8, where a sigma at the end of a word becomes the final one, as Python's str.lower() does it.
std::string lower_case(std::string_view text);

enum class NormalForm { nfc, nfd, nfkc, nfkd };
// Applies a Unicode normal form (UAX 15) to valid UTF-8; characters newer than Unicode 9 are unchanged.
void normalize_unicode(NormalForm form, std::string& text);

}  // namespace qkv
