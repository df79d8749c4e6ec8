#include "evaluate/measures/bleu.h"

#include <cmath>
#include <string>
#include <unordered_map>
#include <vector>

#include "evaluate/measures/bleu_tokenization.h"
#include "evaluate/measures/split_words.h"

namespace qkv {

NgramCounts BleuCounter::count(std::string_view hypothesis, std::span<const std::string> references) {
  std::vector<std::string> texts{tokenize_for_bleu(hypothesis, tokenization_)};
  for (const std::string& reference : references) texts.push_back(tokenize_for_bleu(reference, tokenization_));
  std::unordered_map<std::string_view, uint32_t> words;
  std::vector<std::vector<uint32_t>> symbols(texts.size());
  for (size_t side = 0; side < texts.size(); ++side) {
    for (const std::string_view word : split_words(texts[side])) {
      symbols[side].push_back(words.try_emplace(word, static_cast<uint32_t>(words.size())).first->second);
    }
  }
  return matcher_.count(symbols[0], std::span(symbols).subspan(1));
}

double bleu(const NgramCounts& corpus, const BleuFormula& formula) {
  constexpr size_t kOrder = 4;
  const auto hypothesis = static_cast<double>(corpus.hypothesis[0]), reference = static_cast<double>(corpus.reference[0]);
  if (corpus.matches[0] == 0) return 0;  // no word in common, so no longer n-gram either
  double log_sum = 0, smooth = 1;
  for (size_t n = 0; n < kOrder; ++n) {
    auto total = static_cast<double>(corpus.hypothesis[n]), matches = static_cast<double>(corpus.matches[n]);
    if (formula.smoothing == BleuSmoothing::add_k && n > 0) {
      total += formula.value;
      matches += formula.value;
    }
    if (total == 0) return 0;  // no sentence of n words: undefined, 0 by sacreBLEU's convention
    if (matches == 0) {
      if (formula.smoothing == BleuSmoothing::exponential) {
        smooth *= 2;
        matches = 1 / smooth;
      } else if (formula.smoothing == BleuSmoothing::floor) {
        matches = formula.value;
      }
    }
    if (matches == 0) return 0;  // the geometric mean with a precision of 0
    log_sum += std::log(100 * matches / total);
  }
  const double brevity = hypothesis < reference ? std::exp(1 - reference / hypothesis) : 1;
  return brevity * std::exp(log_sum / kOrder);
}

}  // namespace qkv
