// Scores of predicted labels, computed from their confusion matrix.
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

}  // namespace qkv
