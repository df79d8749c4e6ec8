// Words, as all tokenizers can agree on them: what unknown and rare ones are, and what it costs to write one out.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "qkv/tokenizer.h"

namespace qkv::lab {

// The line's words and punctuation marks with one space between them: no tokenizer then cuts what another keeps whole, and none loses
// where a space stood.
std::string parted(const std::string& line);

// A word's tokens, without special ones around them. The tokens of a parted line are those of its words.
struct WordTokens {
  std::vector<int32_t> ids;
  std::string word;
  bool known = true;  // no token stands for what is not in the vocabulary
};
// Of each word of parted lines.
std::vector<std::vector<WordTokens>> tokens_of_words(const Tokenizer& tokenizer, std::span<const std::string> parted_lines);

// What it costs to write out a word that a vocabulary does not know: its characters and its end, each by how often it occurs in the
// different words of a training text, plus one (so that a model with unknown words can be compared by bits per byte, as the spelling model
// of Mielke and Eisner 2019, "Spell once, summon anywhere", without its network).
class Spelling {
 public:
  explicit Spelling(std::span<const std::string> parted_lines);
  double bits(std::string_view word) const;

 private:
  std::map<char32_t, int64_t> counts_;
  int64_t ends_ = 0, total_ = 0;
};

// How often the words of parted lines occur.
std::unordered_map<std::string, int64_t> word_frequencies(std::span<const std::string> parted_lines);

// Of all words of the references that occur in `training` at least `from` and fewer than `below` times: the share that the translation of
// the same line has, too, each of its words counted for one of the reference's at most.
double word_accuracy(std::span<const std::string> translations, std::span<const std::string> references,
                     const std::unordered_map<std::string, int64_t>& training, int64_t from, int64_t below);

}  // namespace qkv::lab
