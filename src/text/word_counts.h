// How often each word occurs in a corpus; what a word is, the normalizer and the pre-tokenizer say.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/pipeline.h"

namespace qkv {

struct WordCount {
  std::string word;
  uint64_t count;
};

// Words of all lines of the files, in the order of their bytes: the same on any number of threads. Either stage may be null. Memory:
// the different words. Throws Error(bad_input) with file and line for invalid UTF-8.
std::vector<WordCount> count_words(std::span<const std::filesystem::path> files, const Normalizer* normalizer,
                                   const PreTokenizer* pre_tokenizer);
std::vector<WordCount> count_words(std::span<const std::string> lines, const Normalizer* normalizer, const PreTokenizer* pre_tokenizer);

}  // namespace qkv
