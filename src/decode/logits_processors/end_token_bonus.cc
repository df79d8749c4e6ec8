#include "decode/logits_processors/end_token_bonus.h"

#include <algorithm>
#include <cmath>

namespace qkv {

void EndTokenBonus::apply(const Tensor& scores, std::span<const History> histories) const {
  constexpr double kMost = 1e30;  // a softmax over it remains finite
  if (!rules_.decay) return;
  for_each_row(scores, [&](auto row, size_t i) {
    using T = typename decltype(row)::value_type;
    const double bonus = end_bonus(rules_, histories[i].new_tokens);
    if (bonus == 0) return;
    for (const int32_t id : end_tokens_) {
      T& score = row[static_cast<size_t>(id)];
      if (!std::isfinite(score)) continue;  // forbidden: infinity less infinity is no number
      if (arithmetic_ == Arithmetic::plain_float) {
        score += std::abs(score) * static_cast<float>(bonus);
      } else {
        score = static_cast<T>(std::min(score + std::abs(score) * bonus, kMost));
      }
    }
  });
}

}  // namespace qkv
