// chrF2 (Popović 2016) as sacreBLEU computes it: the F-score of character n-grams up to 6, with recall weighted twice, without white space.
#pragma once

#include <string_view>
#include <vector>

#include "evaluate/ngram_matches.h"

namespace qkv {

// Counts the n-grams of one sentence. A counter can be reused for any number of sentences, in one thread.
class ChrfCounter {
 public:
  NgramCounts count(std::string_view hypothesis, std::string_view reference);  // valid UTF-8

 private:
  NgramMatcher matcher_{6};
  std::vector<uint32_t> hypothesis_, reference_;
};

double chrf(const NgramCounts& corpus);  // 0 to 100

}  // namespace qkv
