// What a mistyped word was meant to be.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace qkv {

// The candidate that is nearest to `word` by edit distance (Levenshtein), where it is near enough to be meant; empty otherwise.
std::string nearest_word(std::string_view word, std::span<const std::string> candidates);

}  // namespace qkv
