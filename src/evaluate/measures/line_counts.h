// Counts per line, from whose sums the scores of a corpus are computed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "evaluate/measures/bleu.h"
#include "evaluate/measures/chrf.h"
#include "evaluate/measures/error_rate.h"
#include "evaluate/measures/ter.h"
#include "qkv/evaluator.h"

namespace qkv {

struct LineCounts {
  NgramCounts words;  // for BLEU
  ChrfCounts chrf;
  TerCounts ter;
  ErrorRate word_errors, token_errors;
  void operator+=(const LineCounts& other);
};

// Several references: one list of lines each, all as long as the hypotheses.
using ReferenceLists = std::span<const std::vector<std::string>>;

// Throws Error(bad_input) if the numbers of lines differ, or if there is no line or no list of references.
void check_line_counts(std::span<const std::string> hypotheses, ReferenceLists references);

struct CountingOptions {
  ScoringOptions scoring;
  bool edit_rates = true;  // counts what TER needs
};

// Counts of each line. Invalid UTF-8 counts as U+FFFD.
std::vector<LineCounts> count_lines(std::span<const std::string> hypotheses, ReferenceLists references, const CountingOptions& options);
// Their sum, without keeping them.
LineCounts count_corpus(std::span<const std::string> hypotheses, ReferenceLists references, const CountingOptions& options);

}  // namespace qkv
