#include "evaluate/batch_source.h"

#include <utility>

#include "ops/output_loss.h"

namespace qkv {

CrossEntropyResult batch_loss(const Transformer& network, const TrainingBatch& batch, float label_smoothing, float scale,
                              ForwardContext& context) {
  if (!network.config().has_head()) {
    return network.loss(batch.source, batch.target_in, batch.target_out, label_smoothing, scale, context, batch.target_rows);
  }
  if (!batch.target_values.empty() || !batch.target_groups.empty()) {
    const Tensor hidden = network.rows_for_head(batch.source, context);
    const OutputLoss kind = network.config().label_kind == LabelKind::values ? OutputLoss::squared_error : OutputLoss::binary_cross_entropy;
    const Tensor logits = network.logits_of_rows(hidden, batch.source.segments, batch.target_rows, context);
    if (!batch.target_groups.empty()) return group_loss(logits, batch.target_groups, batch.target_out, scale, hidden.dtype());
    return output_loss(logits, batch.target_values, kind, scale, hidden.dtype());
  }
  return network.loss_of_rows(batch.source, batch.target_rows, batch.target_out, label_smoothing, scale, context);
}

TrainingBatch make_pair_batch(const ParallelCorpus& corpus, std::span<const int32_t> pairs, int32_t decoder_start) {
  TrainingBatch batch;
  std::vector<int32_t> source_lengths, target_lengths;
  for (const int32_t pair : pairs) {
    const std::span<const int32_t> source = corpus.source(pair), target = corpus.target(pair);
    source_lengths.push_back(static_cast<int32_t>(source.size()));
    target_lengths.push_back(static_cast<int32_t>(target.size()));
    batch.source.ids.insert(batch.source.ids.end(), source.begin(), source.end());
    batch.target_in.ids.push_back(decoder_start);
    batch.target_in.ids.insert(batch.target_in.ids.end(), target.begin(), target.end() - 1);
    batch.target_out.insert(batch.target_out.end(), target.begin(), target.end());
  }
  batch.source.segments = Segments::of_lengths(source_lengths);
  batch.target_in.segments = Segments::of_lengths(target_lengths);
  return batch;
}

TrainingBatch make_window_batch(const TextCorpus& corpus, std::span<const Window> windows) {
  TrainingBatch batch;
  std::vector<int32_t> lengths;
  for (const Window& window : windows) {
    const auto begin = corpus.tokens().begin() + window.begin, end = begin + window.length;
    batch.target_in.ids.push_back(corpus.first_input(window.begin));
    batch.target_in.ids.insert(batch.target_in.ids.end(), begin + 1, end);
    batch.target_out.insert(batch.target_out.end(), begin + 1, end + 1);
    lengths.push_back(window.length);
  }
  batch.target_in.segments = Segments::of_lengths(lengths);
  return batch;
}

PairSource::PairSource(ParallelCorpus corpus, const BatchOptions& options, int32_t decoder_start)
    : corpus_(std::move(corpus)), batches_(corpus_, options), decoder_start_(decoder_start) {}

TrainingBatch PairSource::batch(int64_t, std::span<const int32_t> order, int64_t index) const {
  return make_pair_batch(corpus_, batches_.batch(order[static_cast<size_t>(index)]), decoder_start_);
}

WindowSource::WindowSource(TextCorpus corpus, const WindowOptions& options) : corpus_(std::move(corpus)), batches_(corpus_, options) {}

TrainingBatch WindowSource::batch(int64_t epoch, std::span<const int32_t> order, int64_t index) const {
  return make_window_batch(corpus_, batches_.batch(epoch, order, index));
}

}  // namespace qkv
