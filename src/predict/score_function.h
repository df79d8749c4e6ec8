// What the outputs of a classifier's directory mean.
#pragma once

#include <filesystem>
#include <vector>

#include "models/model.h"
#include "qkv/classifier.h"

namespace qkv {

// The function that sentence-transformers keeps with a cross-encoder, or else the one that transformers' TextClassificationPipeline
// applies. Throws Error(unsupported) for a cross-encoder with another function.
ScoreFunction read_score_function(const std::filesystem::path& directory, const TransformerConfig& config);

std::vector<double> scores_of(std::span<const float> logits, ScoreFunction function);

}  // namespace qkv
