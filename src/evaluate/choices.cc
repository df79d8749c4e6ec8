#include "evaluate/choices.h"

#include <algorithm>

#include "evaluate/classification.h"

namespace qkv {

TrainingBatch make_choice_batch(const ChoiceTexts& texts, std::span<const int32_t> numbers) {
  std::vector<int32_t> pairs;
  TrainingBatch batch;
  for (const int32_t question : numbers) {
    const int32_t count = texts.choices(question);
    for (int32_t i = 0; i < count; ++i) pairs.push_back(static_cast<int32_t>(texts.first_pair(question)) + i);
    batch.target_groups.push_back(count);
    batch.target_out.push_back(texts.right(question));
  }
  batch.source = pack(texts.pairs(), pairs);
  for (int64_t i = 0; i < batch.source.segments.count(); ++i) batch.target_rows.push_back(batch.source.segments.begin(i));
  return batch;
}

ChoiceAccuracy choice_accuracy(const Transformer& network, const ChoiceTexts& texts, const EncoderRunOptions& options) {
  const std::vector<std::vector<float>> outputs = label_logits(network, texts.pairs(), options);
  ChoiceAccuracy result{.questions = texts.size()};
  for (int64_t question = 0; question < texts.size(); ++question) {
    std::vector<float> logits;
    for (int32_t i = 0; i < texts.choices(question); ++i)
      logits.push_back(outputs[static_cast<size_t>(texts.first_pair(question) + i)].front());
    const std::vector<double> log_p = log_probabilities(logits, LabelKind::one);
    result.nll -= log_p[static_cast<size_t>(texts.right(question))];
    result.right += std::max_element(log_p.begin(), log_p.end()) - log_p.begin() == texts.right(question);
  }
  return result;
}

}  // namespace qkv
