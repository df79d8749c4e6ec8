// How byte-level vocabularies of GGUF files cut texts: the names of "tokenizer.ggml.pre".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace qkv {

struct GgufPreTokenizer {
  std::vector<std::string_view> names;
  std::vector<std::string_view> patterns;  // applied one after the other; none: GPT-2's alone
  bool ignore_merges = false;
  bool add_bos = false;      // where the file does not say it
  bool lstrip_mask = false;  // <mask> takes the white space before it
};

// Null for a name that is not known.
const GgufPreTokenizer* find_gguf_pre_tokenizer(std::string_view name);
std::string gguf_pre_tokenizer_names();

}  // namespace qkv
