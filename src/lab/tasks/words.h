// Words in a form on which all tokenizers agree, which ones are unknown or rare, and the cost of spelling one.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "qkv/tokenizer.h"

namespace qkv::lab {

// The line's words and punctuation marks separated by one space each: no tokenizer then splits what another keeps whole, and none loses the
// places of spaces.
std::string parted(const std::string& line);

// A word's tokens, without special ones around them. The tokens of such a line are those of its words.
struct WordTokens {
  std::vector<int32_t> ids;
  std::string word;
  bool known = true;  // no token is the unknown one
};
// The tokens of each word of lines made by parted().
std::vector<std::vector<WordTokens>> tokens_of_words(const Tokenizer& tokenizer, std::span<const std::string> parted_lines);

// The cost of spelling out a word that a vocabulary does not know: its characters and its end, each by its frequency in the different words
// of a training text, plus one. It makes models with unknown words comparable by bits per byte, as the spelling model of Mielke and Eisner
// 2019, "Spell once, summon anywhere", without its network.
class Spelling {
 public:
  explicit Spelling(std::span<const std::string> parted_lines);
  double bits(std::string_view word) const;

 private:
  std::map<char32_t, int64_t> counts_;
  int64_t ends_ = 0, total_ = 0;
};

// How often each word of parted lines occurs.
std::unordered_map<std::string, int64_t> word_frequencies(std::span<const std::string> parted_lines);

// For all words of the references that occur in `training` at least `from` and fewer than `below` times: the share that also occurs in the
// translation of the same line. Each word of a translation counts at most once.
double word_accuracy(std::span<const std::string> translations, std::span<const std::string> references,
                     const std::unordered_map<std::string, int64_t>& training, int64_t from, int64_t below);

}  // namespace qkv::lab
