// tekken.json, the tokenizer file of Mistral's own library: a pattern, special tokens, and tokens by rank, in JSON.
#pragma once

#include <string>
#include <string_view>

#include "text/files/rank_tokenizer.h"

namespace qkv {

bool is_tekken(std::string_view content);

// Special tokens have the first ids, then come ranks until there are config.default_vocab_size tokens. As in the tokenizer.json of the same
// models, special tokens are found in texts (Mistral's library leaves that to its chat templates) and <s> begins a text. Throws Error
// (bad_input, unsupported) with one line that names the place.
RankTokenizer read_tekken(std::string_view content, const std::string& file);

}  // namespace qkv
