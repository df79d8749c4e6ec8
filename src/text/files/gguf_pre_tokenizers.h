// Pre-tokenizers of byte-level vocabularies in GGUF files, by the names in "tokenizer.ggml.pre".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace qkv {

struct GgufPreTokenizer {
  std::vector<std::string_view> names;
  std::vector<std::string_view> patterns;  // applied in order; empty: GPT-2's pattern only
  bool ignore_merges = false;
  bool add_bos = false;      // default if the file does not specify it
  bool lstrip_mask = false;  // <mask> absorbs the white space before it
};

// Null for an unknown name.
const GgufPreTokenizer* find_gguf_pre_tokenizer(std::string_view name);
// The first one that cuts by these patterns; an empty list of its own is GPT-2's. Null if there is none.
const GgufPreTokenizer* find_gguf_pre_tokenizer(const std::vector<std::string>& patterns, bool ignore_merges);
std::string gguf_pre_tokenizer_names();

}  // namespace qkv
