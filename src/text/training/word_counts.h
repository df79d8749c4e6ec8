// Counts how often each word occurs in a corpus. Normalizer and pre-tokenizer define the words.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "qkv/cancellation.h"
#include "text/pipeline/pipeline.h"
#include "text/stages/text_part.h"

namespace qkv {

struct WordCount {
  std::string word;
  uint64_t count;
};

// The definition of a word.
struct WordRules {
  const Normalizer* normalizer = nullptr;  // either may be null
  const PreTokenizer* pre_tokenizer = nullptr;
  bool whole_texts = false;                        // false: each line is a separate text, without its end (\n or \r\n)
  std::string_view separator;                      // separates whole texts into documents and belongs to none; empty: no separation
  bool may_cut_words = false;                      // whether, in whole texts read in parts, a word of a MB may be cut at the end of a part
  size_t memory = SIZE_MAX;                        // bytes that the words may take; see below
  std::function<void(std::string_view)> progress;  // called now and then with a few words about the progress
  const CancellationToken* cancellation = nullptr;
};

// The words of all texts in byte order, independent of the number of threads. Throws Error(bad_input) with file and line for invalid UTF-8.
//
// Memory: a word takes kWordBytes and its length. A text is counted in rounds of some MB, whose words take at most as much again (and at
// least 24 MB). If all words take more than `memory` after a round, the rarest so far are dropped: all seen once, then, while they still
// take more than three quarters, all seen at most twice, and so on, with a warning. A word that occurs again later is counted from one on.
// The dropped words depend on the order of the text and on `memory` only.
inline constexpr size_t kWordBytes = 96;
std::vector<WordCount> count_words(std::span<const TextPart> parts, const WordRules& rules);
// Each string is a line, or a whole text.
std::vector<WordCount> count_words(std::span<const std::string> texts, const WordRules& rules);

}  // namespace qkv
