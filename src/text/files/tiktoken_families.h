// Complements tiktoken's rank files with what they lack: the pattern that splits texts into words, and the special tokens.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/files/tokenizer_config.h"

namespace qkv {

struct TiktokenFamily {
  std::string_view name;
  std::string_view pattern;                       // as written in tokenizer.json
  size_t ranks = 0;                               // number of ranks, if it identifies the family; 0: many families have it
  std::vector<std::string_view> classes = {};     // "tokenizer_class" of tokenizer_config.json
  std::vector<std::string_view> file_names = {};  // parts of the file's name
  bool nfc = false;                               // texts are normalized to NFC first
  std::vector<std::pair<std::string, int32_t>> (*special)(int32_t ranks) = nullptr;
};

struct TiktokenChoice {
  std::string pattern;
  bool nfc = false;
  std::vector<std::pair<std::string, int32_t>> special;
};

// `wanted` (--tiktoken-pattern) is the name of a family, or a regular expression that replaces the pattern of the file's family. If empty,
// the family is found by tokenizer_config.json's class, then by the number of ranks, then, with a warning, by the file's name; otherwise
// Llama 3's pattern without special tokens is used, with a warning. Throws Error(invalid_argument) for an unknown name.
TiktokenChoice choose_tiktoken_family(size_t ranks, const TokenizerConfig& config, const std::string& file, const std::string& wanted);

}  // namespace qkv
