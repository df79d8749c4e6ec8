// tiktoken's rank files: a line for each token, its bytes in base64 and its rank, which is its id, too.
#pragma once

#include <string>
#include <string_view>

#include "text/files/rank_tokenizer.h"
#include "text/files/tokenizer_config.h"

namespace qkv {

// Is the first line one of such a file?
bool is_tiktoken(std::string_view content);

// Pattern and special tokens are those of the file's family (tiktoken_families.h, which says what `pattern` is); tokens that the
// configuration names come first. An empty token, which Whisper's has, is passed over.
RankTokenizer read_tiktoken(std::string_view content, const TokenizerConfig& config, const std::string& file,
                            const std::string& pattern = "");

}  // namespace qkv
