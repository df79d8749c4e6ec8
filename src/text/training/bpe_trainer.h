// Trains byte pair encoding: learns merges from counted words.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "text/token_models/bpe_model.h"
#include "text/training/trainer_symbols.h"
#include "text/training/word_counts.h"

namespace qkv {

struct TrainedBpe {
  std::vector<std::string>
      tokens;  // special tokens, characters by code point (those with a prefix after the others), then results of merges
  std::vector<BpeMerge> merges;
  size_t alphabet = 0;  // number of tokens that are single characters, including those with a prefix
};

// The rules are those of BpeTrainer of `tokenizers`: the pair with the highest count is merged, of several the one with the smallest ids
// (left, then right); counts are of neighbours, so "aaa" has two pairs "aa"; a token that two different pairs make is one token. There are
// two differences: characters that occur equally often leave a limited alphabet from the highest code point down (there, in the order of a
// hash table), and no merge makes a special token that the text happens to spell. Characters with a continuing prefix have ids by code
// point, after the alphabet (there, in the order of a hash table, which decides ties). Ends early if no pair is frequent enough. O(n log n)
// in the characters of the different words.
TrainedBpe learn_bpe(std::span<const WordCount> words, const LearnOptions& options);

}  // namespace qkv
