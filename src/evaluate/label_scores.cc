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

}  // namespace qkv
