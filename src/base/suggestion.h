// What a mistyped word was meant to be.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace qkv {

// The candidate that `word` was meant to be; empty where none is near. Words of options ("--batch-size") and commands alike. In this order:
// what other programs' name for an option is here (--learning-rate: --lr), the shortest candidate with parts between dashes that begin as
// those of `word` do (--temp: --temperature, --epochs: --max-epochs), and the nearest by edit distance with neighbours swapped
// (Damerau-Levenshtein), at most a third of the word's length.
std::string nearest_word(std::string_view word, std::span<const std::string> candidates);

}  // namespace qkv
