// Rules of mteval-v13a's tokenization for Western languages, which BLEU's and TER's tokenizations are made of. Texts are valid UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace qkv {

void replace_all(std::string& text, std::string_view from, std::string_view to);

// Replaces the four XML entities &quot; &amp; &lt; and &gt;.
void replace_entities(std::string& text);

// Puts spaces around ASCII punctuation without ' , - and .
std::string space_around_symbols(std::string_view text);

// Puts spaces around . and , unless they stand between digits, and around - after a digit.
std::string space_around_points(std::string_view text);

// The text without white space at its end, or at its beginning.
std::string_view strip_right(std::string_view text);
std::string_view strip_left(std::string_view text);

// The words with one space between them.
std::string single_spaced(std::string_view text);

}  // namespace qkv
