// The wish to go on decays: scores of end tokens grow with the text (transformers' ExponentialDecayLengthPenalty).
#pragma once

#include "decode/logits_processors/logits_processor.h"
#include "decode/logits_processors/token_rules.h"

namespace qkv {

class EndTokenBonus : public LogitsProcessor {
 public:
  // How the bonus is added: in double, cut at what a softmax can bear, as search does on log probabilities; or in float, as generation
  // does on logits.
  enum class Arithmetic : uint8_t { bounded_double, plain_float };
  // end_tokens: kept by reference.
  EndTokenBonus(const TokenRules& rules, std::span<const int32_t> end_tokens, Arithmetic arithmetic)
      : rules_(rules), end_tokens_(end_tokens), arithmetic_(arithmetic) {}

  void apply(const Tensor& scores, std::span<const int64_t> new_tokens) const override;

 private:
  TokenRules rules_;
  std::span<const int32_t> end_tokens_;
  Arithmetic arithmetic_;
};

}  // namespace qkv
