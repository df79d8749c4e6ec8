#include "evaluate/tag_scores.h"

#include <algorithm>
#include <vector>

#include "data/entity_spans.h"
#include "evaluate/classification.h"

namespace qkv {
namespace {

void add_entities(std::span<const int32_t> right, std::span<const int32_t> predicted, const EntityScheme& scheme, TagScores& scores) {
  const std::vector<EntitySpan> wanted = entity_spans(right, scheme), guessed = entity_spans(predicted, scheme);
  scores.entities += std::ssize(wanted);
  scores.predicted += std::ssize(guessed);
  scores.found += std::ranges::count_if(guessed, [&](const EntitySpan& span) { return std::ranges::find(wanted, span) != wanted.end(); });
}

}  // namespace

TagScores tag_scores(const Transformer& network, const LabelledTexts& texts, std::span<const std::string> labels,
                     const EncoderRunOptions& options) {
  const EntityScheme scheme(labels);
  TagScores scores;
  for_each_output(network, texts.inputs(), texts.rows(), options, [&](size_t text, std::span<const float> logits) {
    const std::span<const int32_t> right = texts.labels(static_cast<int64_t>(text));
    std::vector<int32_t> predicted;
    for (size_t i = 0; i < right.size(); ++i) {
      const std::vector<double> log_p = log_probabilities(logits.subspan(i * labels.size(), labels.size()), LabelKind::one);
      scores.nll -= log_p[static_cast<size_t>(right[i])];
      predicted.push_back(static_cast<int32_t>(std::max_element(log_p.begin(), log_p.end()) - log_p.begin()));
      scores.right += predicted.back() == right[i];
    }
    scores.words += std::ssize(right);
    add_entities(right, predicted, scheme, scores);
  });
  return scores;
}

}  // namespace qkv
