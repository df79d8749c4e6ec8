// Learning the merges of byte pair encoding from counted words.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "text/token_models/bpe_model.h"
#include "text/training/trainer_symbols.h"
#include "text/training/word_counts.h"

namespace qkv {

struct LearntBpe {
  std::vector<std::string> tokens;  // special tokens, characters by code point (those with a prefix after the others), what merges make
  std::vector<BpeMerge> merges;
  size_t alphabet = 0;  // how many tokens are single characters, those with a prefix included
};

// The rules are those of BpeTrainer of `tokenizers`: the pair with the highest count is joined, of several the one with the smallest
// ids (left, then right); counts are of neighbours, so "aaa" has two pairs "aa"; a token that two different pairs make is one token.
// Two differences: characters that occur equally often leave a limited alphabet from the highest code point down (there, in the order of a
// hash table), and no merge makes a special token that the text happens to spell. Characters with a continuing prefix have their ids by
// code point, after the alphabet (there, in the order of a hash table, too, which decides ties). Ends early where no pair is frequent
// enough. O(n log n) in the characters of the different words.
LearntBpe learn_bpe(std::span<const WordCount> words, const LearnOptions& options);

}  // namespace qkv
