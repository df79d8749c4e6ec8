// How often each word occurs in a corpus; what a word is, the normalizer and the pre-tokenizer say.
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

// What a word is.
struct WordRules {
  const Normalizer* normalizer = nullptr;  // either may be null
  const PreTokenizer* pre_tokenizer = nullptr;
  bool whole_texts = false;                        // false: each line is a text of its own, without its end (\n or \r\n)
  std::string_view separator;                      // parts whole texts into documents and belongs to none; empty: they are not parted
  bool may_cut_words = false;                      // whole texts that are read in parts: is a word of a MB cut where a part ends?
  size_t memory = SIZE_MAX;                        // bytes that the words may take; see below
  std::function<void(std::string_view)> progress;  // told now and then in a few words how far it is
  const CancellationToken* cancellation = nullptr;
};

// The words of all texts, in the order of their bytes: the same on any number of threads. Throws Error(bad_input) with file and line for
// invalid UTF-8.
//
// Memory: a word counts as kWordBytes and its length. A text is counted in rounds of some MB, whose own words take as much again at most
// (and 24 MB at least). When after a round all words take more than `memory`, those seen least often so far are dropped: all seen once,
// then, while they still take more than three quarters, all seen at most twice, and so on; a warning says so. A word that comes again after
// that is counted from one on. What is dropped depends on the order of the text and on `memory`, and on nothing else.
inline constexpr size_t kWordBytes = 96;
std::vector<WordCount> count_words(std::span<const TextPart> parts, const WordRules& rules);
// Each string is a line, or a whole text.
std::vector<WordCount> count_words(std::span<const std::string> texts, const WordRules& rules);

}  // namespace qkv
