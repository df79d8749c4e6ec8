// BLEU (Papineni et al. 2002) as sacreBLEU computes it by default (Post 2018): tokenization 13a, cased, exponential smoothing.
#pragma once

#include <string>
#include <string_view>

#include "evaluate/ngram_matches.h"

namespace qkv {

// Inserts spaces between the tokens of a text according to mteval-v13a for Western languages. `text` is valid UTF-8.
std::string tokenize_13a(std::string_view text);

// Counts the n-grams of one sentence. A counter can be reused for any number of sentences, in one thread.
class BleuCounter {
 public:
  NgramCounts count(std::string_view hypothesis, std::string_view reference);  // valid UTF-8

 private:
  NgramMatcher matcher_{4};
};

double bleu(const NgramCounts& corpus);  // 0 to 100

}  // namespace qkv
