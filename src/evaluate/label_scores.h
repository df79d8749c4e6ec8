// Scores of predicted labels, computed from counts.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "qkv/evaluator.h"

namespace qkv {

// [right label][predicted label]
using ConfusionMatrix = std::vector<std::vector<int64_t>>;

LabelScores scores_of_labels(ConfusionMatrix confusion, std::span<const std::string> names);

// Counts labels of which several may hold for a text.
class LabelSetCounts {
 public:
  explicit LabelSetCounts(std::span<const std::string> names);
  // A value for each name: whether the label holds.
  void add(const std::vector<bool>& predicted, const std::vector<bool>& right);
  LabelSetScores scores() const;
  int64_t exact() const { return exact_; }  // texts with the right labels alone

 private:
  std::vector<LabelScores::Label> labels_;
  int64_t texts_ = 0, exact_ = 0;
};

// The sums of the counts of all labels.
LabelScores::Label sum_of_labels(std::span<const LabelScores::Label> labels);
double mean_f1(std::span<const LabelScores::Label> labels);  // 0 without labels

}  // namespace qkv
