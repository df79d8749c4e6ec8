// Learning the merges of byte pair encoding from counted words.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "text/bpe_model.h"
#include "text/word_counts.h"

namespace qkv {

struct LearnOptions {
  size_t vocab_size = 8000;
  uint64_t min_frequency = 2;                                  // a pair seen less often is not joined
  size_t limit_alphabet = std::numeric_limits<size_t>::max();  // characters kept, the most frequent ones
  std::u32string initial_alphabet;                             // kept in any case, before the most frequent ones
  std::vector<std::string> special_tokens;                     // ids 0, 1, …; no merge makes one of them
};

struct LearntBpe {
  std::vector<std::string> tokens;  // special tokens, characters by code point, then what the merges make
  std::vector<BpeMerge> merges;
  size_t alphabet = 0;  // number of characters kept
};

// The rules are those of BpeTrainer of `tokenizers`: the pair with the highest count is joined, of several the one with the smallest
// ids (left, then right); counts are of neighbours, so "aaa" has two pairs "aa"; a token that two different pairs make is one token.
// Two differences: characters that occur equally often leave a limited alphabet from the highest code point down (there, in the order of a
// hash table), and no merge makes a special token that the text happens to spell.
// Ends early where no pair is frequent enough. O(n log n) in the characters of the different words.
LearntBpe learn_bpe(std::span<const WordCount> words, const LearnOptions& options);

}  // namespace qkv
