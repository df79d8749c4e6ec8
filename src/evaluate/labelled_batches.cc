#include "evaluate/labelled_batches.h"

namespace qkv {

TrainingBatch make_labelled_batch(const LabelledTexts& texts, std::span<const int32_t> numbers) {
  TrainingBatch batch{.source = pack(texts.inputs(), numbers)};
  for (size_t i = 0; i < numbers.size(); ++i) {
    const int32_t begin = batch.source.segments.begin(static_cast<int64_t>(i));
    for (const int32_t row : texts.rows()[static_cast<size_t>(numbers[i])]) batch.target_rows.push_back(begin + row);
    const std::span<const int32_t> labels = texts.labels(numbers[i]);
    const std::span<const float> values = texts.values(numbers[i]);
    batch.target_out.insert(batch.target_out.end(), labels.begin(), labels.end());
    batch.target_values.insert(batch.target_values.end(), values.begin(), values.end());
  }
  return batch;
}

}  // namespace qkv
