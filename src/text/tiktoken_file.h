// tiktoken's rank files: a line for each token, its bytes in base64 and its rank, which is its id, too.
#pragma once

#include <string>
#include <string_view>

#include "text/tokenizer_config.h"

namespace qkv {

// Is the first line one of such a file?
bool is_tiktoken(std::string_view content);

// The text of a tokenizer.json. Pattern and special tokens are those of the encoding that the file is named after (gpt2, r50k_base,
// p50k_base, cl100k_base, o200k_base), Qwen's for qwen, and Llama 3's for any other name; special tokens that the configuration has come
// on top. In tiktoken all ways to make a token are of its rank, which tokenizer.json's merges cannot say: the model has the member
// "rank_by_token", which other readers pass over.
std::string tiktoken_to_json(std::string_view content, const TokenizerConfig& config, const std::string& file);

}  // namespace qkv
