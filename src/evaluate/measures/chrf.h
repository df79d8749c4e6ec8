// chrF2 (Popović 2016): the F-score of character n-grams up to 6, recall counted twice, white space left out; and chrF2++ (Popović 2017),
// which takes words and pairs of words into the mean, too. Both as sacreBLEU computes them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "evaluate/measures/ngram_matches.h"

namespace qkv {

struct ChrfCounts {
  NgramCounts characters;                      // for chrF2
  NgramCounts characters_beside_words, words;  // for chrF2++: where there are several references, another one may be the best
};

// Counts the n-grams of one sentence. A counter can be reused for any number of sentences, in one thread.
class ChrfCounter {
 public:
  // Texts are valid UTF-8. If there are several references, each score uses the one that gives it the highest value.
  ChrfCounts count(std::string_view hypothesis, std::span<const std::string> references);

 private:
  NgramMatcher characters_{6}, words_{2};
};

// 0 to 100. chrF2 without `words`, chrF2++ with them.
double chrf(const NgramCounts& characters, const NgramCounts& words = {});

}  // namespace qkv
