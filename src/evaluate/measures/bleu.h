// BLEU (Papineni et al. 2002) as sacreBLEU computes it (Post 2018).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "evaluate/measures/ngram_matches.h"
#include "qkv/evaluator.h"

namespace qkv {

// Counts the n-grams of one sentence. A counter can be reused for any number of sentences, in one thread.
class BleuCounter {
 public:
  explicit BleuCounter(BleuTokenization tokenization) : tokenization_(tokenization) {}
  // Texts are valid UTF-8. Each n-gram may match as often as the reference that has it most often; the reference length is the closest one.
  NgramCounts count(std::string_view hypothesis, std::span<const std::string> references);

 private:
  BleuTokenization tokenization_;
  NgramMatcher matcher_{4};
};

struct BleuFormula {
  BleuSmoothing smoothing = BleuSmoothing::exponential;
  double value = 0;  // for floor and add_k
};
double bleu(const NgramCounts& corpus, const BleuFormula& formula = {});  // 0 to 100

}  // namespace qkv
