// Batches of conversations for a language model that learns the answers in them, and its loss on answers.
#pragma once

#include "data/labelled_texts.h"
#include "evaluate/batch_source.h"
#include "evaluate/encoder_outputs.h"
#include "evaluate/labelled_batches.h"
#include "evaluate/share.h"

namespace qkv {

// A batch of the conversations with these numbers: texts of which some rows predict the next token.
TrainingBatch make_answer_batch(const LabelledTexts& texts, std::span<const int32_t> numbers);

// The batches of LabelledSource.
class AnswerSource final : public BatchSource {
 public:
  AnswerSource(LabelledTexts texts, int64_t batch_tokens, uint64_t seed) : texts_(std::move(texts), batch_tokens, seed) {}
  int64_t size() const override { return texts_.size(); }
  std::vector<int32_t> order(int64_t epoch) const override { return texts_.order(epoch); }
  TrainingBatch batch(int64_t epoch, std::span<const int32_t> order, int64_t index) const override;

 private:
  LabelledSource texts_;
};

// The mean of -log p over the tokens of all answers. Batches are divided among the processes of `share`. Throws Error(interrupted).
double answer_loss(const Transformer& network, const LabelledTexts& texts, const EncoderRunOptions& options, const Share& share = {});

}  // namespace qkv
