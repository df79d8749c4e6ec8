#include "evaluate/tag_scores.h"

#include <algorithm>
#include <vector>

#include "evaluate/classification.h"

namespace qkv {

void TagScores::add(std::span<const int32_t> wanted, std::span<const int32_t> predicted, const EntityScheme& scheme) {
  const auto counts = [this](std::string_view name) -> LabelScores::Label& {
    LabelScores::Label& label = entities[std::string(name)];
    label.name = name;
    return label;
  };
  const std::vector<EntitySpan> actual = entity_spans(wanted, scheme), guessed = entity_spans(predicted, scheme);
  for (const EntitySpan& span : actual) ++counts(span.name).texts;
  for (const EntitySpan& span : guessed) {
    ++counts(span.name).predicted;
    const auto same = std::ranges::lower_bound(actual, span.begin, {}, &EntitySpan::begin);
    if (same != actual.end() && *same == span) ++counts(span.name).right;
  }
  for (size_t i = 0; i < wanted.size(); ++i) right += wanted[i] == predicted[i];
  words += std::ssize(wanted);
}

EntityScores TagScores::entity_scores() const {
  EntityScores scores{.words = words, .right = right};
  for (const auto& [name, label] : entities) scores.entities.push_back(label);
  const LabelScores::Label all = sum_of_labels(scores.entities);
  scores.precision = all.precision();
  scores.recall = all.recall();
  scores.f1 = all.f1();
  scores.macro_f1 = mean_f1(scores.entities);
  return scores;
}

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
    }
    scores.add(right, predicted, scheme);
  });
  return scores;
}

}  // namespace qkv
