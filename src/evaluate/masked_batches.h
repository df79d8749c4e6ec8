// Batches for a masked language model: sequences "[CLS] tokens [SEP]" of a plain text with some tokens hidden.
#pragma once

#include <span>

#include "data/masking.h"
#include "evaluate/batch_source.h"

namespace qkv {

// Makes one batch of masked sequences.
TrainingBatch make_masked_batch(std::span<const MaskedSequence> sequences);

// Puts the tokens that a window predicts between [CLS] and [SEP]. The windows of a corpus then contain every token except the first exactly
// once.
std::vector<int32_t> framed_window(const TextCorpus& corpus, const Window& window, const MaskingVocabulary& vocabulary);

// Windows of a text, or of its documents (for example lines) separately. The hidden tokens depend only on seed, epoch and position.
class MaskedSource final : public BatchSource {
 public:
  // options.context: tokens of a sequence, including [CLS] and [SEP].
  MaskedSource(TextCorpus corpus, MaskingVocabulary vocabulary, const MaskingOptions& masking, const WindowOptions& options);
  int64_t size() const override { return batches_.size(); }
  std::vector<int32_t> order(int64_t epoch) const override { return batches_.order(epoch); }
  TrainingBatch batch(int64_t epoch, std::span<const int32_t> order, int64_t index) const override;

 private:
  TextCorpus corpus_;
  MaskingVocabulary vocabulary_;
  MaskingOptions masking_;
  uint64_t seed_;
  WindowBatches batches_;
};

}  // namespace qkv
