#include "evaluate/classification.h"

#include <algorithm>
#include <cmath>

#include "ops/output_loss.h"

namespace qkv {

std::vector<std::vector<float>> label_logits(const Transformer& network, const EncoderInputs& inputs, const EncoderRunOptions& options) {
  std::vector<std::vector<int32_t>> rows;
  for (const std::vector<int32_t>& ids : inputs.ids) rows.push_back({row_of_label(network.config(), ids)});
  std::vector<std::vector<float>> all(inputs.ids.size());
  for_each_output(network, inputs, rows, options,
                  [&](size_t text, std::span<const float> logits) { all[text].assign(logits.begin(), logits.end()); });
  return all;
}

LabelRow label_row(const TransformerConfig& config) { return config.has_decoder() ? LabelRow::any : LabelRow::first; }

std::vector<double> log_probabilities(std::span<const float> logits, LabelKind kind) {
  std::vector<double> log_p;
  if (kind != LabelKind::one) {
    for (const float x : logits) log_p.push_back(std::min(double{x}, 0.0) - std::log1p(std::exp(-std::abs(double{x}))));
    return log_p;
  }
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float x : logits) sum += std::exp(x - largest);
  for (const float x : logits) log_p.push_back(x - largest - std::log(sum));
  return log_p;
}

ClassificationScores classification_scores(const Transformer& network, const LabelledTexts& texts, const EncoderRunOptions& options) {
  const auto logits = label_logits(network, texts.inputs(), options);
  ClassificationScores scores{.texts = texts.size()};
  for (int64_t i = 0; i < texts.size(); ++i) {
    const std::vector<double> row = log_probabilities(logits[static_cast<size_t>(i)], LabelKind::one);
    const auto right = static_cast<size_t>(texts.labels(i).front());
    scores.nll -= row[right];
    const auto predicted = static_cast<size_t>(std::max_element(row.begin(), row.end()) - row.begin());
    if (scores.confusion.empty()) scores.confusion.assign(row.size(), std::vector<int64_t>(row.size()));
    ++scores.confusion[right][predicted];
    scores.right += predicted == right;
  }
  return scores;
}

ValueScores value_scores(std::span<const std::vector<float>> logits, const LabelledTexts& texts, LabelKind label_kind) {
  const bool numbers = label_kind == LabelKind::values;
  const OutputLoss kind = numbers ? OutputLoss::squared_error : OutputLoss::binary_cross_entropy;
  double sum = 0, right = 0, outputs = 0;
  for (int64_t i = 0; i < texts.size(); ++i) {
    const std::vector<float>& row = logits[static_cast<size_t>(i)];
    const std::span<const float> wanted = texts.values(i);
    sum += output_loss(Tensor::from(row, {1, std::ssize(row)}), wanted, kind, 1, DType::f32).loss_sum;
    outputs += static_cast<double>(row.size());
    right += std::ranges::equal(row, wanted, [](float logit, float value) { return label_holds(logit) == (value == 1); });
  }
  ValueScores scores{.loss = sum / outputs};
  if (!numbers) scores.accuracy = right / static_cast<double>(texts.size());
  return scores;
}

ValueScores value_scores(const Transformer& network, const LabelledTexts& texts, const EncoderRunOptions& options) {
  return value_scores(label_logits(network, texts.inputs(), options), texts, network.config().label_kind);
}

}  // namespace qkv
