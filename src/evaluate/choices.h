// Questions with choices: their batches in training, and how often a model chooses rightly.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/choice_texts.h"
#include "evaluate/batch_source.h"
#include "evaluate/encoder_outputs.h"
#include "evaluate/shuffled_source.h"

namespace qkv {

// A batch of the questions with these numbers, with the pairs of all their choices.
TrainingBatch make_choice_batch(const ChoiceTexts& texts, std::span<const int32_t> numbers);

using ChoiceSource = ShuffledSource<ChoiceTexts, make_choice_batch>;

struct ChoiceAccuracy {
  double nll = 0;                    // sum of -log p of the right choices, in nats
  int64_t questions = 0, right = 0;  // right: questions whose likeliest choice is right

  double loss() const { return nll / static_cast<double>(questions); }
  double accuracy() const { return static_cast<double>(right) / static_cast<double>(questions); }
};
// Throws Error(interrupted) if cancelled.
ChoiceAccuracy choice_accuracy(const Transformer& network, const ChoiceTexts& texts, const EncoderRunOptions& options);

}  // namespace qkv
