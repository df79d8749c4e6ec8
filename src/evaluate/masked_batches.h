// Batches for a masked language model: sequences "[CLS] tokens [SEP]" of a plain text, some of whose tokens are hidden.
#pragma once

#include <span>

#include "data/masking.h"
#include "evaluate/batch_source.h"

namespace qkv {

// One batch of sequences that were masked.
TrainingBatch make_masked_batch(std::span<const MaskedSequence> sequences);

// The tokens of a window of a corpus, between [CLS] and [SEP]: those that the window predicts, so that the windows of a corpus have each
// token but its first once.
std::vector<int32_t> framed_window(const TextCorpus& corpus, const Window& window, const MaskingVocabulary& vocabulary);

// Windows of a text, or of its documents (lines, say) one by one. What is hidden depends on seed, epoch and place alone.
class MaskedSource final : public BatchSource {
 public:
  // options.context: tokens of a sequence, with [CLS] and [SEP].
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
