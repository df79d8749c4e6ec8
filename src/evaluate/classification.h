// Label probabilities of a classifier, and its accuracy.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "data/labelled_texts.h"
#include "evaluate/encoder_outputs.h"
#include "evaluate/label_scores.h"

namespace qkv {

// Which rows of texts the network's labels are predicted from.
LabelRow label_row(const TransformerConfig& config);

// The outputs for each text, predicted from row_of_label(): [texts][num_labels]. Throws Error(interrupted) if cancelled.
std::vector<std::vector<float>> label_logits(const Transformer& network, const EncoderInputs& inputs, const EncoderRunOptions& options);

// log p of each label: of LabelKind::one their log-softmax, otherwise the log of each logit's sigmoid.
std::vector<double> log_probabilities(std::span<const float> logits, LabelKind kind);

struct ClassificationScores {
  double nll = 0;                // sum of -log p of the right labels, in nats
  int64_t texts = 0, right = 0;  // right: texts whose most likely label is correct
  ConfusionMatrix confusion;

  double loss() const { return nll / static_cast<double>(texts); }
  double accuracy() const { return static_cast<double>(right) / static_cast<double>(texts); }
};
// Throws Error(interrupted) if cancelled.
ClassificationScores classification_scores(const Transformer& network, const LabelledTexts& texts, const EncoderRunOptions& options);

// For texts with values: labels of which several may hold, or numbers.
struct ValueScores {
  double loss = 0;  // mean over all outputs (ops/output_loss.h)
  std::optional<double>
      accuracy;  // share of texts whose labels are all predicted rightly, with probabilities from 0.5 on; none for numbers
};
ValueScores value_scores(const Transformer& network, const LabelledTexts& texts, const EncoderRunOptions& options);
// value_scores() from the network's outputs for the texts.
ValueScores value_scores(std::span<const std::vector<float>> logits, const LabelledTexts& texts, LabelKind kind);
// From which labels of several hold: a probability of 0.5 or more.
constexpr bool label_holds(float logit) { return logit >= 0; }

}  // namespace qkv
