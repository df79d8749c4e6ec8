// Corpus scores of translations, equal to sacreBLEU's.
#pragma once

#include <span>
#include <string>

namespace qkv {

struct Scores {
  double bleu = 0;        // 0 to 100: BLEU-4, tokenization 13a, cased, exponential smoothing (Papineni et al. 2002; Post 2018)
  double chrf = 0;        // 0 to 100: chrF2, character 6-grams, no word n-grams (Popović 2016)
  std::string signature;  // sacreBLEU's signature of BLEU; its version is the sacreBLEU release that the tests' numbers come from
};

// Takes one hypothesis and one reference per line; throws if the counts differ or are 0. Invalid UTF-8 counts as U+FFFD.
Scores score_corpus(std::span<const std::string> hypotheses, std::span<const std::string> references);

// Returns true if a reference has at least four words (tokenization 13a). Otherwise BLEU-4 counts no 4-gram and is 0 for every hypothesis.
bool bleu_is_defined(std::span<const std::string> references);

// Number of hypotheses that equal the reference of the same index, ignoring white space at both ends.
size_t exact_matches(std::span<const std::string> hypotheses, std::span<const std::string> references);

}  // namespace qkv
