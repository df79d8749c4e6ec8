// Forbids tokens: bad words, suppressed ones, and end tokens before the minimum length.
#pragma once

#include <array>

#include "decode/logits_processors/logits_processor.h"
#include "decode/logits_processors/token_rules.h"

namespace qkv {

class ForbiddenTokens : public LogitsProcessor {
 public:
  // min_new_tokens: minimum number of tokens before an end token.
  ForbiddenTokens(const TokenRules& rules, const TransformerConfig& config, int64_t min_new_tokens);

  void apply(const Tensor& scores, std::span<const History> histories) const override;
  // Are all tokens forbidden?
  bool forbid_all(int64_t new_tokens) const { return std::ssize(after(new_tokens)) == vocab_size_; }

 private:
  const std::vector<int32_t>& after(int64_t new_tokens) const { return ids_[new_tokens == first_free_][new_tokens >= min_new_tokens_]; }

  int64_t min_new_tokens_, vocab_size_, first_free_;
  std::array<std::array<std::vector<int32_t>, 2>, 2> ids_;  // indexed by [is it the first token that is not forced][may the text end]
};

}  // namespace qkv
