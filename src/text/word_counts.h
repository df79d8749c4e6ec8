// How often each word occurs in a corpus; what a word is, the normalizer and the pre-tokenizer say.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/pipeline.h"
#include "text/text_part.h"

namespace qkv {

struct WordCount {
  std::string word;
  uint64_t count;
};

// What a word is.
struct WordRules {
  const Normalizer* normalizer = nullptr;  // either may be null
  const PreTokenizer* pre_tokenizer = nullptr;
  bool whole_texts = false;    // false: each line is a text of its own, without its end (\n or \r\n)
  std::string_view separator;  // parts whole texts into documents and belongs to none; empty: they are not parted
};

// The words of all texts, in the order of their bytes: the same on any number of threads. Memory: the different words. Throws
// Error(bad_input) with file and line for invalid UTF-8.
std::vector<WordCount> count_words(std::span<const TextPart> parts, const WordRules& rules);
// Each string is a line, or a whole text.
std::vector<WordCount> count_words(std::span<const std::string> texts, const WordRules& rules);

}  // namespace qkv
