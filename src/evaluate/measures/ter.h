// Translation edit rate (Snover et al. 2006): the fewest insertions, deletions, substitutions and shifts of phrases that a greedy search
// finds, for each word of the reference. As sacreBLEU computes it, with tercom's limits and its own.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "qkv/evaluator.h"

namespace qkv {

// Sums over sentences.
struct TerCounts {
  double edits = 0;
  double length = 0;  // words in the reference; the mean if there are several references
};

// Edits and shifts that turn the hypothesis into the reference.
int64_t translation_edits(std::span<const uint32_t> hypothesis, std::span<const uint32_t> reference);

// Texts are valid UTF-8. If there are several references, the one with the fewest edits counts.
TerCounts count_edits(std::string_view hypothesis, std::span<const std::string> references, const ScoringOptions& options);

// In percent, above 100 where there are more edits than words.
double ter(const TerCounts& corpus);

}  // namespace qkv
