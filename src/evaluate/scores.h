// Corpus scores of translations, equal to sacreBLEU's.
#pragma once

#include <span>
#include <string>

namespace qkv {

struct Scores {
  double bleu = 0;        // 0 to 100: BLEU-4, tokenization 13a, cased, exponential smoothing (Papineni et al. 2002; Post 2018)
  double chrf = 0;        // 0 to 100: chrF2, character 6-grams, no word n-grams (Popović 2016)
  std::string signature;  // sacreBLEU's, of BLEU; its version is the release of sacreBLEU that the tests' numbers come from
};

// One hypothesis and one reference per line; throws where the counts differ or there is no line. Invalid UTF-8 counts as U+FFFD.
Scores score_corpus(std::span<const std::string> hypotheses, std::span<const std::string> references);

// Does any reference have four words (tokenization 13a)? Without, BLEU-4 counts no 4-gram and is 0 whatever the hypotheses are.
bool bleu_is_defined(std::span<const std::string> references);

// Lines that equal their reference, white space at their ends aside. Line i of one belongs to line i of the other.
size_t exact_matches(std::span<const std::string> hypotheses, std::span<const std::string> references);

}  // namespace qkv
