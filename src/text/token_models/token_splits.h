// Finds the pairs of tokens that together are a token: the merges that are implied by a list of tokens without merges.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace qkv {

struct TokenSplit {
  int32_t left, right, whole;
};

// All such pairs, sorted by `whole`, then `left`, then `right`. Empty strings are no tokens. `parts`: tokens that may be left or right;
// `wholes`: tokens that may be the whole (both by id, as long as `tokens`). Linear in the bytes of tokens and result. A list crafted such
// that the result would be far larger than itself is Error(bad_input), which names `file`.
std::vector<TokenSplit> token_splits(std::span<const std::string_view> tokens, const std::vector<bool>& parts,
                                     const std::vector<bool>& wholes, const std::string& file);

}  // namespace qkv
