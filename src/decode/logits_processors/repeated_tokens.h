// Makes what the text has already said less likely (transformers' RepetitionPenaltyLogitsProcessor) and forbids the last token of a
// repeated n-gram (NoRepeatNGramLogitsProcessor).
#pragma once

#include "decode/logits_processors/logits_processor.h"
#include "decode/logits_processors/token_rules.h"

namespace qkv {

class RepeatedTokens : public LogitsProcessor {
 public:
  explicit RepeatedTokens(const TokenRules& rules)
      : penalty_(rules.repetition_penalty), ngram_(static_cast<size_t>(rules.no_repeat_ngram_size)) {}

  void apply(const Tensor& scores, std::span<const History> histories) const override;

 private:
  float penalty_;
  size_t ngram_;
};

}  // namespace qkv
