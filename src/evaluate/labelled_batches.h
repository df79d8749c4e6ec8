// Batches of labelled texts for classifiers of texts and of words.
#pragma once

#include <span>

#include "data/labelled_texts.h"
#include "evaluate/batch_source.h"
#include "evaluate/encoder_outputs.h"

namespace qkv {

// A batch of the texts with these numbers.
TrainingBatch make_labelled_batch(const LabelledTexts& texts, std::span<const int32_t> numbers);

// Texts are shuffled in each epoch and split into batches with equal numbers of texts, chosen so that a batch has about `batch_tokens`
// tokens.
class LabelledSource final : public BatchSource {
 public:
  LabelledSource(LabelledTexts texts, int64_t batch_tokens, uint64_t seed);
  int64_t size() const override { return size_; }
  std::vector<int32_t> order(int64_t epoch) const override;
  TrainingBatch batch(int64_t epoch, std::span<const int32_t> order, int64_t index) const override;

 private:
  LabelledTexts texts_;
  int64_t size_;
  uint64_t seed_;
};

}  // namespace qkv
