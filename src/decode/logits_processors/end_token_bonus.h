// Raises the scores of end tokens as the text grows (transformers' ExponentialDecayLengthPenalty).
#pragma once

#include "decode/logits_processors/logits_processor.h"
#include "decode/logits_processors/token_rules.h"

namespace qkv {

class EndTokenBonus : public LogitsProcessor {
 public:
  // Arithmetic of the bonus: bounded_double limits it to what a softmax can handle, for search on log probabilities; plain_float is used
  // for generation on logits.
  enum class Arithmetic : uint8_t { bounded_double, plain_float };
  // end_tokens: kept by reference.
  EndTokenBonus(const TokenRules& rules, std::span<const int32_t> end_tokens, Arithmetic arithmetic)
      : rules_(rules), end_tokens_(end_tokens), arithmetic_(arithmetic) {}

  void apply(const Tensor& scores, std::span<const History> histories) const override;

 private:
  TokenRules rules_;
  std::span<const int32_t> end_tokens_;
  Arithmetic arithmetic_;
};

}  // namespace qkv
