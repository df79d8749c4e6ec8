// tiktoken's rank files: a line per token with its bytes in base64 and its rank, which is also its id.
#pragma once

#include <string>
#include <string_view>

#include "text/files/rank_tokenizer.h"
#include "text/files/tokenizer_config.h"

namespace qkv {

// True if the first line looks like such a file.
bool is_tiktoken(std::string_view content);

// Pattern and special tokens come from the file's family (tiktoken_families.h, which explains `pattern`); tokens named by the configuration
// come first. An empty token, as in Whisper's file, is skipped.
RankTokenizer read_tiktoken(std::string_view content, const TokenizerConfig& config, const std::string& file,
                            const std::string& pattern = "");

}  // namespace qkv
