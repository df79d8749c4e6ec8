// Every option of scoring and comparing once: name, range, help, how it is read and written.
#pragma once

#include <span>

#include "base/option_table.h"
#include "qkv/evaluator.h"
#include "qkv/scorer.h"

namespace qkv {

std::span<const TableOption<ScoringOptions>> scoring_option_table();
std::span<const TableOption<ComparisonOptions>> comparison_option_table();
std::span<const TableOption<ScoreOptions>> score_option_table();

}  // namespace qkv
