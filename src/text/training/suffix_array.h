// Suffixes of a text in their order, and the substrings that occur more than once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace qkv {

// The places of `text`, ordered by what begins there, of which the first `depth` symbols are compared. A shorter suffix comes before a
// longer one that begins with it; suffixes that are equal as far as they are compared come in no particular, but always the same order. O(n
// log depth) by prefix doubling (Manber and Myers 1993) with counting sorts: ordered by h symbols, the suffixes can be ordered by 2h.
std::vector<uint32_t> sorted_suffixes(std::span<const uint32_t> text, size_t depth);

// A substring: `length` symbols from any of suffixes[first] … suffixes[last - 1] on, and from no other place.
struct RepeatedSubstring {
  uint32_t first, last, length;
};

// The substrings of one or more symbols, at most `longest`, that cannot be made longer to the right without losing places where they
// occur. `text` is made of words that each end with a 0; a substring does not reach over a 0, which makes it end. Those that occur once are
// among them, too: they reach to the end of their word. A substring comes before those that begin with it. `suffixes` are ordered by
// longest + 1 symbols at least. O(n longest) at most, O(n) where few suffixes begin alike.
std::vector<RepeatedSubstring> repeated_substrings(std::span<const uint32_t> text, std::span<const uint32_t> suffixes, uint32_t longest);

}  // namespace qkv
