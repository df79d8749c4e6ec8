// A suffix array, and the substrings that occur more than once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace qkv {

// The places of `text`, ordered by their suffixes, of which the first `depth` symbols are compared. A shorter suffix comes before a longer
// one that begins with it; suffixes that compare equal come in an unspecified but reproducible order. O(n log depth) by prefix doubling
// (Manber and Myers 1993) with counting sorts: once ordered by h symbols, the suffixes can be ordered by 2h.
std::vector<uint32_t> sorted_suffixes(std::span<const uint32_t> text, size_t depth);

// A substring: `length` symbols from each of suffixes[first] … suffixes[last - 1] on, and at no other place.
struct RepeatedSubstring {
  uint32_t first, last, length;
};

// The substrings of 1 to `longest` symbols that cannot be extended to the right without losing occurrences. `text` consists of words that
// each end with a 0; a substring may end with a 0 but not cross it. Substrings that occur once are included; they extend to the end of
// their word. A substring comes before those that begin with it. `suffixes` must be ordered by at least longest + 1 symbols. O(n longest)
// at most, O(n) if few suffixes have common prefixes.
std::vector<RepeatedSubstring> repeated_substrings(std::span<const uint32_t> text, std::span<const uint32_t> suffixes, uint32_t longest);

}  // namespace qkv
