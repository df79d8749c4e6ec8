#include "predict/score_function.h"

#include <cmath>
#include <optional>

#include "evaluate/encoder_outputs.h"
#include "predict/cross_encoder_files.h"

namespace qkv {

ScoreFunction read_score_function(const std::filesystem::path& directory, const TransformerConfig& config) {
  if (config.head != Head::classification) return ScoreFunction::softmax;
  if (const std::optional<bool> sigmoid = scores_by_sigmoid(directory)) return *sigmoid ? ScoreFunction::sigmoid : ScoreFunction::none;
  switch (config.label_kind) {
    case LabelKind::several: return ScoreFunction::sigmoid;
    case LabelKind::values: return ScoreFunction::none;
    case LabelKind::one: break;
  }
  return ScoreFunction::softmax;
}

std::vector<double> scores_of(std::span<const float> logits, ScoreFunction function) {
  if (function == ScoreFunction::softmax) return softmax(logits);
  std::vector<double> scores(logits.begin(), logits.end());
  if (function == ScoreFunction::sigmoid) {
    for (double& x : scores) x = 1 / (1 + std::exp(-x));
  }
  return scores;
}

}  // namespace qkv
