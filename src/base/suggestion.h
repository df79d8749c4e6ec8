// Guesses the intended word behind a mistyped one.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace qkv {

// The candidate closest to `word`; empty if none is close. For options ("--batch-size") and commands. It tries in this order: the
// counterpart of another program's option (--learning-rate: --lr), the shortest candidate whose dash-separated parts start with those of
// `word` (--temp: --temperature, --epochs: --max-epochs), and the nearest by edit distance with swaps (Damerau-Levenshtein), at most a
// third of the word's length.
std::string nearest_word(std::string_view word, std::span<const std::string> candidates);

}  // namespace qkv
