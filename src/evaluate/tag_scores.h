// Accuracy of labels of words, and F1 of the entities that they describe.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "data/labelled_texts.h"
#include "evaluate/encoder_outputs.h"

namespace qkv {

struct TagScores {
  double nll = 0;                                  // sum of -log p of the right labels, in nats
  int64_t words = 0, right = 0;                    // words with a token, and those whose likeliest label is correct
  int64_t entities = 0, predicted = 0, found = 0;  // in the texts, in the predictions, and with equal words and name in both

  double loss() const { return nll / static_cast<double>(words > 0 ? words : 1); }
  double accuracy() const { return static_cast<double>(right) / static_cast<double>(words > 0 ? words : 1); }
  // Harmonic mean of precision and recall of whole entities (Tjong Kim Sang and De Meulder 2003); 0 if there are none.
  double entity_f1() const {
    return entities + predicted == 0 ? 0 : 2 * static_cast<double>(found) / static_cast<double>(entities + predicted);
  }
};

// Throws Error(interrupted) if cancelled.
TagScores tag_scores(const Transformer& network, const LabelledTexts& texts, std::span<const std::string> labels,
                     const EncoderRunOptions& options);

}  // namespace qkv
