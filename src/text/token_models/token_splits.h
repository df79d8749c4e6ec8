// Which pairs of tokens together are a token: the merges that a list of tokens without merges stands for.
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

// All such pairs, by `whole`, and for one whole by `left`, then `right`. Empty strings are no tokens. `parts`: the tokens that may be left
// or right; `wholes`: those that may be the whole (by id, as long as `tokens`). Linear in the bytes of tokens and result. A list that is
// made so that the result would be far larger than itself is Error(bad_input), which names `file`.
std::vector<TokenSplit> token_splits(std::span<const std::string_view> tokens, const std::vector<bool>& parts,
                                     const std::vector<bool>& wholes, const std::string& file);

}  // namespace qkv
