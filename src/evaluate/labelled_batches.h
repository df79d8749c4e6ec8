// Batches of labelled texts for classifiers of texts and of words.
#pragma once

#include <span>

#include "data/labelled_texts.h"
#include "evaluate/batch_source.h"
#include "evaluate/encoder_outputs.h"
#include "evaluate/shuffled_source.h"

namespace qkv {

// A batch of the texts with these numbers.
TrainingBatch make_labelled_batch(const LabelledTexts& texts, std::span<const int32_t> numbers);

using LabelledSource = ShuffledSource<LabelledTexts, make_labelled_batch>;

}  // namespace qkv
