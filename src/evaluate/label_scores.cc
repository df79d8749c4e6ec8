#include "evaluate/label_scores.h"

#include <cmath>
#include <utility>

namespace qkv {
namespace {

// The multiclass form of Gorodkin 2004, "Comparing two K-category assignments by a K-category correlation coefficient".
double matthews_correlation(const std::vector<LabelScores::Label>& labels) {
  double texts = 0, right = 0, both = 0, of_right = 0, of_predicted = 0;
  for (const LabelScores::Label& label : labels) {
    const auto actual = static_cast<double>(label.texts), predicted = static_cast<double>(label.predicted);
    texts += actual;
    right += static_cast<double>(label.right);
    both += actual * predicted;
    of_right += actual * actual;
    of_predicted += predicted * predicted;
  }
  const double variances = (texts * texts - of_right) * (texts * texts - of_predicted);
  return variances == 0 ? 0 : (right * texts - both) / std::sqrt(variances);
}

}  // namespace

LabelScores scores_of_labels(ConfusionMatrix confusion, std::span<const std::string> names) {
  LabelScores scores{.confusion = std::move(confusion)};
  int64_t texts = 0, right = 0, occurring = 0;
  double f1 = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    LabelScores::Label label{.name = names[i], .right = scores.confusion[i][i]};
    for (size_t j = 0; j < names.size(); ++j) {
      label.texts += scores.confusion[i][j];
      label.predicted += scores.confusion[j][i];
    }
    texts += label.texts;
    right += label.right;
    occurring += label.texts + label.predicted > 0;
    f1 += label.f1();
    scores.labels.push_back(label);
  }
  scores.macro_f1 = f1 / static_cast<double>(occurring);
  scores.micro_f1 = static_cast<double>(right) / static_cast<double>(texts);
  scores.matthews = matthews_correlation(scores.labels);
  return scores;
}

LabelScores::Label sum_of_labels(std::span<const LabelScores::Label> labels) {
  LabelScores::Label sum;
  for (const LabelScores::Label& label : labels) {
    sum.texts += label.texts;
    sum.predicted += label.predicted;
    sum.right += label.right;
  }
  return sum;
}

double mean_f1(std::span<const LabelScores::Label> labels) {
  double sum = 0;
  for (const LabelScores::Label& label : labels) sum += label.f1();
  return labels.empty() ? 0 : sum / static_cast<double>(labels.size());
}

LabelSetCounts::LabelSetCounts(std::span<const std::string> names) {
  for (const std::string& name : names) labels_.push_back({.name = name});
}

void LabelSetCounts::add(const std::vector<bool>& predicted, const std::vector<bool>& right) {
  for (size_t i = 0; i < labels_.size(); ++i) {
    labels_[i].texts += right[i];
    labels_[i].predicted += predicted[i];
    labels_[i].right += right[i] && predicted[i];
  }
  ++texts_;
  exact_ += predicted == right;
}

LabelSetScores LabelSetCounts::scores() const {
  return {.labels = labels_,
          .macro_f1 = mean_f1(labels_),
          .micro_f1 = sum_of_labels(labels_).f1(),
          .exact_match = texts_ == 0 ? 0 : static_cast<double>(exact_) / static_cast<double>(texts_)};
}

}  // namespace qkv
