// BLEU (Papineni et al. 2002) as sacreBLEU computes it by default (Post 2018): tokenization 13a, cased, exponential smoothing.
#pragma once

#include <string>
#include <string_view>

#include "evaluate/ngram_matches.h"

namespace qkv {

// The text with spaces between its tokens, as mteval-v13a's tokenization for Western languages cuts it. `text` is valid UTF-8.
std::string tokenize_13a(std::string_view text);

// Counts of one sentence. One counter serves any number of sentences, in one thread.
class BleuCounter {
 public:
  NgramCounts count(std::string_view hypothesis, std::string_view reference);  // valid UTF-8

 private:
  NgramMatcher matcher_{4};
};

double bleu(const NgramCounts& corpus);  // 0 to 100

}  // namespace qkv
