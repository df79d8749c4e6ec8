#include "evaluate/labelled_batches.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "data/shuffle.h"

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

LabelledSource::LabelledSource(LabelledTexts texts, int64_t batch_tokens, uint64_t seed)
    : texts_(std::move(texts)),
      size_(std::clamp<int64_t>((texts_.tokens() + batch_tokens - 1) / batch_tokens, 1, texts_.size())),
      seed_(seed) {
  QKV_REQUIRE(texts_.size() <= INT32_MAX, "[labelled] {} texts are too many", texts_.size());
}

std::vector<int32_t> LabelledSource::order(int64_t epoch) const { return shuffled(texts_.size(), seed_, epoch); }

TrainingBatch LabelledSource::batch(int64_t, std::span<const int32_t> order, int64_t index) const {
  const auto begin = static_cast<size_t>(index * texts_.size() / size_), end = static_cast<size_t>((index + 1) * texts_.size() / size_);
  return make_labelled_batch(texts_, order.subspan(begin, end - begin));
}

}  // namespace qkv
