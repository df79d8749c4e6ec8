// The loss of a masked language model on the hidden tokens of a plain text.
#pragma once

#include <cmath>
#include <cstdint>

#include "data/masking.h"
#include "data/text_corpus.h"
#include "evaluate/share.h"
#include "nn/transformer.h"
#include "qkv/cancellation.h"

namespace qkv {

struct MaskedLoss {
  double nll = 0;      // sum of -log p, in nats
  int64_t tokens = 0;  // hidden tokens
  int64_t bytes = 0;   // size of the hidden tokens' text without spaces

  double per_token() const { return nll / static_cast<double>(tokens); }
  // Bits for all pieces of the hidden words per byte of these words. Comparable between tokenizers if whole words are hidden.
  double bits_per_byte() const { return nll / std::log(2.0) / static_cast<double>(bytes); }
};

struct MaskedLossOptions {
  MaskingOptions masking;
  int64_t context = 256;         // tokens of a sequence, including [CLS] and [SEP]
  int64_t batch_tokens = 16384;  // tokens per batch
  uint64_t seed = 1;             // decides which tokens are hidden; equal at each call
  DType dtype = DType::f32;
  const CancellationToken* cancellation = nullptr;
};

// Hides whole words and shows each of their pieces as [MASK]. Used for masked bits per byte.
MaskingOptions hidden_words();

// The loss over consecutive windows that cover the text. Throws Error(bad_input) if there is nothing to hide and Error(interrupted) if
// cancelled.
MaskedLoss masked_loss(const Transformer& network, const TextCorpus& corpus, const Tokenizer& tokenizer, const MaskedLossOptions& options,
                       const Share& share = {});

}  // namespace qkv
