#include "decode/logits_processors/forbidden_tokens.h"

#include <limits>

namespace qkv {

ForbiddenTokens::ForbiddenTokens(const TokenRules& rules, const TransformerConfig& config, int64_t min_new_tokens)
    : min_new_tokens_(min_new_tokens), vocab_size_(config.vocab_size), first_free_(first_free_token(rules)) {
  for (const bool first : {false, true}) {
    for (const bool may_end : {false, true})
      ids_[first][may_end] = forbidden_tokens(rules, config, first ? first_free_ : first_free_ + 1, may_end);
  }
}

void ForbiddenTokens::apply(const Tensor& scores, std::span<const History> histories) const {
  for_each_row(scores, [&](auto row, size_t i) {
    using T = typename decltype(row)::value_type;
    for (const int32_t id : after(histories[i].new_tokens)) row[static_cast<size_t>(id)] = -std::numeric_limits<T>::infinity();
  });
}

}  // namespace qkv
