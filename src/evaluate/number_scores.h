// Agreement of predicted numbers with the right ones.
#pragma once

#include <span>

#include "qkv/evaluator.h"

namespace qkv {

// Both have the same size, 1 or more; all numbers are finite.
NumberScores number_scores(std::span<const double> predicted, std::span<const double> right);

}  // namespace qkv
