// How well a language model predicts a plain text.
#pragma once

#include <cmath>
#include <cstdint>

#include "data/text_corpus.h"
#include "nn/transformer.h"
#include "qkv/cancellation.h"

namespace qkv {

struct TextLoss {
  double nll = 0;      // sum of -log p, in nats
  int64_t tokens = 0;  // that were predicted
  int64_t bytes = 0;   // of the text

  double per_token() const { return nll / static_cast<double>(tokens); }
  double perplexity() const { return std::exp(per_token()); }
  // Comparable between tokenizers. The first token of a text that has no start is not predicted, and its bits are missing.
  double bits_per_byte() const { return nll / std::log(2.0) / static_cast<double>(bytes); }
};

struct TextLossOptions {
  int64_t context = 256;         // tokens that the network sees at once
  int64_t batch_tokens = 16384;  // computed at once
  DType dtype = DType::f32;
  const CancellationToken* cancellation = nullptr;
};

// Over all windows of `context` tokens that follow each other, the last one shorter. Ends with Error(interrupted) when cancelled.
TextLoss text_loss(const Transformer& network, const TextCorpus& corpus, const TextLossOptions& options);

}  // namespace qkv
