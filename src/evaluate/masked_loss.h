// How well a masked language model finds the hidden tokens of a plain text.
#pragma once

#include <cmath>
#include <cstdint>

#include "data/masking.h"
#include "data/text_corpus.h"
#include "nn/transformer.h"
#include "qkv/cancellation.h"

namespace qkv {

struct MaskedLoss {
  double nll = 0;      // sum of -log p, in nats
  int64_t tokens = 0;  // that were hidden
  int64_t bytes = 0;   // of their text, spaces not counted

  double per_token() const { return nll / static_cast<double>(tokens); }
  // Of whole words comparable between tokenizers: the bits of all pieces of the hidden words for each byte of these.
  double bits_per_byte() const { return nll / std::log(2.0) / static_cast<double>(bytes); }
};

struct MaskedLossOptions {
  MaskingOptions masking;
  int64_t context = 256;         // tokens of a sequence, with [CLS] and [SEP]
  int64_t batch_tokens = 16384;  // computed at once
  uint64_t seed = 1;             // of what is hidden: the same at each call
  DType dtype = DType::f32;
  const CancellationToken* cancellation = nullptr;
};

// Whole words, each piece shown as [MASK]: what masked bits per byte are taken of.
MaskingOptions hidden_words();

// Over all windows of the text that follow each other. Throws Error(bad_input) where there is nothing to hide, and ends with
// Error(interrupted) when cancelled.
MaskedLoss masked_loss(const Transformer& network, const TextCorpus& corpus, const Tokenizer& tokenizer, const MaskedLossOptions& options);

}  // namespace qkv
