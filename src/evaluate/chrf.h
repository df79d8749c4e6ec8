// chrF2 (Popović 2016): the F-score of character n-grams up to 6, recall counted twice, white space left out, as sacreBLEU computes it.
#pragma once

#include <string_view>
#include <vector>

#include "evaluate/ngram_matches.h"

namespace qkv {

// Counts of one sentence. One counter serves any number of sentences, in one thread.
class ChrfCounter {
 public:
  NgramCounts count(std::string_view hypothesis, std::string_view reference);  // valid UTF-8

 private:
  NgramMatcher matcher_{6};
  std::vector<uint32_t> hypothesis_, reference_;
};

double chrf(const NgramCounts& corpus);  // 0 to 100

}  // namespace qkv
