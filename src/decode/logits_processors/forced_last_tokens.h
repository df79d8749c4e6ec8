// Forces one of the given tokens as the last possible one, all with equal probability (transformers' ForcedEOSTokenLogitsProcessor).
#pragma once

#include <algorithm>
#include <limits>

#include "decode/logits_processors/logits_processor.h"

namespace qkv {

class ForcedLastTokens : public LogitsProcessor {
 public:
  ForcedLastTokens(std::vector<int32_t> ids, int64_t max_new_tokens) : ids_(std::move(ids)), max_new_tokens_(max_new_tokens) {}

  void apply(const Tensor& scores, std::span<const History> histories) const override {
    if (ids_.empty()) return;
    for_each_row(scores, [&](auto row, size_t i) {
      using T = typename decltype(row)::value_type;
      if (histories[i].new_tokens + 1 != max_new_tokens_) return;
      std::fill(row.begin(), row.end(), -std::numeric_limits<T>::infinity());
      for (const int32_t id : ids_) row[static_cast<size_t>(id)] = 0;
    });
  }

 private:
  std::vector<int32_t> ids_;
  int64_t max_new_tokens_;
};

}  // namespace qkv
