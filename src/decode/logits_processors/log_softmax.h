// Converts scores to log probabilities (transformers' LogitNormalization).
#pragma once

#include "decode/logits_processors/logits_processor.h"
#include "ops/ops.h"

namespace qkv {

class LogSoftmax : public LogitsProcessor {
 public:
  void apply(const Tensor& scores, std::span<const History>) const override { log_softmax_in_place(scores); }
};

}  // namespace qkv
