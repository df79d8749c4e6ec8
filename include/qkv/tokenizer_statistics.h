// Measures how well a tokenizer fits a text, by the usual figures.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "qkv/export.h"
#include "qkv/tokenizer.h"

namespace qkv {

struct TokenizerStatistics {
  uint64_t bytes = 0;           // size of the lines without line ends
  uint64_t words = 0;           // separated by white space
  uint64_t tokens = 0;          // without special tokens around the lines
  uint64_t unknown_tokens = 0;  // tokens for text outside the vocabulary
  int32_t vocab_size = 0;
  int32_t used = 0;                         // number of different tokens that occur
  std::vector<std::string> longest_pieces;  // pieces that occur, sorted by decreasing length in characters, then by frequency

  double tokens_per_word() const { return words == 0 ? 0 : static_cast<double>(tokens) / static_cast<double>(words); }
  double bytes_per_token() const { return tokens == 0 ? 0 : static_cast<double>(bytes) / static_cast<double>(tokens); }
  double unknown_rate() const { return tokens == 0 ? 0 : static_cast<double>(unknown_tokens) / static_cast<double>(tokens); }
};

// Uses all threads; the figures do not depend on their number. `longest`: how many pieces to name.
QKV_API TokenizerStatistics measure_tokenizer(const Tokenizer& tokenizer, std::span<const std::string_view> lines, size_t longest = 5);

}  // namespace qkv
