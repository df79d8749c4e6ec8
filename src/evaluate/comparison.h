// Comparison of systems that translated the same lines.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "evaluate/measures/bootstrap.h"
#include "evaluate/measures/line_counts.h"
#include "qkv/evaluator.h"

namespace qkv {

// compare_translations with the lines of each resample drawn by `sampler`.
std::vector<MeasureComparison> compare_systems(std::span<const std::vector<std::string>> systems, ReferenceLists references,
                                               const ComparisonOptions& options, const LineSampler& sampler);

}  // namespace qkv
