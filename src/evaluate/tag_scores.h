// Accuracy of labels of words, and F1 of the entities that they describe.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "data/entity_spans.h"
#include "data/labelled_texts.h"
#include "evaluate/encoder_outputs.h"
#include "evaluate/label_scores.h"

namespace qkv {

struct TagScores {
  double nll = 0;                                      // sum of -log p of the right labels, in nats
  int64_t words = 0, right = 0;                        // words with a token, and those whose likeliest label is correct
  std::map<std::string, LabelScores::Label> entities;  // by name; a right one has equal words and name in text and prediction

  // Counts a sentence; labels are numbers of the scheme.
  void add(std::span<const int32_t> wanted, std::span<const int32_t> predicted, const EntityScheme& scheme);

  double loss() const { return nll / static_cast<double>(words > 0 ? words : 1); }
  double accuracy() const { return static_cast<double>(right) / static_cast<double>(words > 0 ? words : 1); }
  // Harmonic mean of precision and recall of whole entities (Tjong Kim Sang and De Meulder 2003); 0 if there are none.
  double entity_f1() const { return entity_scores().f1; }
  EntityScores entity_scores() const;
};

// Throws Error(interrupted) if cancelled.
TagScores tag_scores(const Transformer& network, const LabelledTexts& texts, std::span<const std::string> labels,
                     const EncoderRunOptions& options);

}  // namespace qkv
