// Label probabilities of a classifier, and its accuracy.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/labelled_texts.h"
#include "evaluate/label_scores.h"
#include "nn/transformer.h"
#include "qkv/cancellation.h"

namespace qkv {

struct ClassificationOptions {
  int64_t batch_tokens = 8192;  // tokens per batch
  DType dtype = DType::f32;
  const CancellationToken* cancellation = nullptr;
};

// log p of each label for each text: [texts][num_labels]. With LabelKind::several each p is that of its label alone. Throws
// Error(interrupted) if cancelled.
std::vector<std::vector<double>> label_log_probabilities(const Transformer& network, std::span<const std::vector<int32_t>> texts,
                                                         const ClassificationOptions& options);

struct ClassificationScores {
  double nll = 0;                // sum of -log p of the right labels, in nats
  int64_t texts = 0, right = 0;  // right: texts whose most likely label is correct
  ConfusionMatrix confusion;

  double loss() const { return nll / static_cast<double>(texts); }
  double accuracy() const { return static_cast<double>(right) / static_cast<double>(texts); }
};
ClassificationScores classification_scores(const Transformer& network, const LabelledTexts& texts, const ClassificationOptions& options);

}  // namespace qkv
