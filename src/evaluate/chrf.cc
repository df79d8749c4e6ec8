#include "evaluate/chrf.h"

#include "base/utf8.h"
#include "evaluate/split_words.h"

namespace qkv {
namespace {

void take_characters(std::string_view text, std::vector<uint32_t>& characters) {
  characters.clear();
  for (size_t i = 0; i < text.size();) {
    const size_t space = white_space_at(text, i);
    const Character c = character_at(text, i);
    if (space == 0) characters.push_back(c.code_point);
    i += c.length;
  }
}

}  // namespace

NgramCounts ChrfCounter::count(std::string_view hypothesis, std::string_view reference) {
  take_characters(hypothesis, hypothesis_);
  take_characters(reference, reference_);
  NgramCounts counts = matcher_.count(hypothesis_, reference_);
  // Hypothesis n-grams do not count if the reference is too short to have any of that order.
  for (size_t n = 0; n < kMaxNgram; ++n) {
    if (counts.reference[n] == 0) counts.hypothesis[n] = 0;
  }
  return counts;
}

double chrf(const NgramCounts& corpus) {
  constexpr double kBetaSquared = 4;
  double precision = 0, recall = 0;
  int orders = 0;  // orders for which both sides have n-grams
  for (size_t n = 0; n < kMaxNgram; ++n) {
    if (corpus.hypothesis[n] == 0 || corpus.reference[n] == 0) continue;
    precision += static_cast<double>(corpus.matches[n]) / static_cast<double>(corpus.hypothesis[n]);
    recall += static_cast<double>(corpus.matches[n]) / static_cast<double>(corpus.reference[n]);
    ++orders;
  }
  if (precision + recall == 0) return 0;
  precision /= orders;
  recall /= orders;
  return 100 * (1 + kBetaSquared) * precision * recall / (kBetaSquared * precision + recall);
}

}  // namespace qkv
