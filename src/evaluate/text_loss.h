// The loss of a language model on a plain text.
#pragma once

#include <cmath>
#include <cstdint>

#include "data/text_corpus.h"
#include "evaluate/share.h"
#include "nn/transformer.h"
#include "qkv/cancellation.h"

namespace qkv {

struct TextLoss {
  double nll = 0;      // sum of -log p, in nats
  int64_t tokens = 0;  // predicted tokens
  int64_t bytes = 0;   // size of the text

  double per_token() const { return nll / static_cast<double>(tokens); }
  double perplexity() const { return std::exp(per_token()); }
  // Comparable between tokenizers. If a text has no start token, its first token is not predicted and its bits are not counted.
  double bits_per_byte() const { return nll / std::log(2.0) / static_cast<double>(bytes); }
};

struct TextLossOptions {
  int64_t context = 256;         // tokens of context
  int64_t batch_tokens = 16384;  // tokens per batch
  DType dtype = DType::f32;
  const CancellationToken* cancellation = nullptr;
};

// The loss over consecutive windows of `context` tokens, of which the last may be shorter. Throws Error(interrupted) if cancelled.
TextLoss text_loss(const Transformer& network, const TextCorpus& corpus, const TextLossOptions& options, const Share& share = {});

}  // namespace qkv
