// Corpus scores of translations, equal to sacreBLEU's.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "evaluate/measures/line_counts.h"

namespace qkv {

struct Scores {
  double bleu = 0;        // 0 to 100: BLEU-4, tokenization 13a, cased, exponential smoothing (Papineni et al. 2002; Post 2018)
  double chrf = 0;        // 0 to 100: chrF2, character 6-grams, no word n-grams (Popović 2016)
  std::string signature;  // sacreBLEU's signature of BLEU; its version is the sacreBLEU release that the tests' numbers come from
};

// Takes one hypothesis and one reference per line; throws if the counts differ or are 0. Invalid UTF-8 counts as U+FFFD.
Scores score_corpus(std::span<const std::string> hypotheses, std::span<const std::string> references);

// A score of a corpus, computed from its counts.
struct Measure {
  std::string name;
  std::string signature;  // as sacreBLEU writes it; empty for what sacreBLEU does not have
  bool lower_is_better = false;
  double (*score)(const LineCounts& corpus, const ScoringOptions& options) = nullptr;
};
double bleu_score(const LineCounts& corpus, const ScoringOptions& options);

// `resampling` stands in the signature behind the number of references: "bs:1000|seed:12345"; empty: nothing.
std::string bleu_signature(const ScoringOptions& options, size_t references, const std::string& resampling = "");
std::string chrf_signature(const ScoringOptions& options, size_t references, int word_order, const std::string& resampling = "");
std::string ter_signature(const ScoringOptions& options, size_t references, const std::string& resampling = "");

// BLEU, chrF2, chrF2++, TER, and the error rates that the options ask for.
std::vector<Measure> measures(const ScoringOptions& options, size_t references, const std::string& resampling = "");

// Throws OptionError for options that contradict each other.
void check_scoring_options(const ScoringOptions& options);

// Does any reference have four words? Without, BLEU-4 counts no 4-gram and is 0 whatever the hypotheses are.
bool bleu_is_defined(std::span<const std::string> references, BleuTokenization tokenization = BleuTokenization::mteval_13a);

// Lines that equal one of their references, white space at their ends aside. Line i of one belongs to line i of the other.
size_t exact_matches(std::span<const std::string> hypotheses, ReferenceLists references);
size_t exact_matches(std::span<const std::string> hypotheses, std::span<const std::string> references);

}  // namespace qkv
