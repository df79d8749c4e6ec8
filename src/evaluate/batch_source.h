// Batches of training data.
#pragma once

#include <cstdint>
#include <iterator>
#include <span>
#include <vector>

#include "data/batches.h"
#include "data/parallel_corpus.h"
#include "data/windows.h"
#include "nn/transformer.h"

namespace qkv {

// One batch of packed sequences. With a decoder, row i of target_in predicts target_out[i], or row target_rows[i] if there are any; for a
// language model the source is empty. For an encoder without decoder, row target_rows[i] of the source predicts target_out[i]; if labels of
// which several hold or numbers are learned instead, it predicts the i-th num_labels of target_values. For multiple choice the rows fall
// into groups of neighbours, whose sizes are target_groups, and target_out has the right one of each group.
struct TrainingBatch {
  TokenBatch source, target_in;
  std::vector<int32_t> target_rows, target_out, target_groups;
  std::vector<float> target_values;

  int64_t predictions() const { return std::ssize(target_out) + std::ssize(target_values); }
};

// The network's loss on the batch.
CrossEntropyResult batch_loss(const Transformer& network, const TrainingBatch& batch, float label_smoothing, float scale,
                              ForwardContext& context);

// target_in is the decoder start followed by the target without its last token; target_out is the target.
TrainingBatch make_pair_batch(const ParallelCorpus& corpus, std::span<const int32_t> pairs, int32_t decoder_start);
// target_in is the tokens of each window; target_out is the tokens shifted left by one.
TrainingBatch make_window_batch(const TextCorpus& corpus, std::span<const Window> windows);

// Every epoch has the same number of batches, in an order that depends only on seed and epoch. Thread-safe.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  virtual int64_t size() const = 0;                             // batches per epoch
  virtual std::vector<int32_t> order(int64_t epoch) const = 0;  // the order that batch() takes
  virtual TrainingBatch batch(int64_t epoch, std::span<const int32_t> order, int64_t index) const = 0;
};

class PairSource final : public BatchSource {
 public:
  PairSource(ParallelCorpus corpus, const BatchOptions& options, int32_t decoder_start);
  int64_t size() const override { return batches_.size(); }
  std::vector<int32_t> order(int64_t epoch) const override { return batches_.order(epoch); }
  TrainingBatch batch(int64_t epoch, std::span<const int32_t> order, int64_t index) const override;

 private:
  ParallelCorpus corpus_;
  Batches batches_;
  int32_t decoder_start_;
};

class WindowSource final : public BatchSource {
 public:
  WindowSource(TextCorpus corpus, const WindowOptions& options);
  int64_t size() const override { return batches_.size(); }
  std::vector<int32_t> order(int64_t epoch) const override { return batches_.order(epoch); }
  TrainingBatch batch(int64_t epoch, std::span<const int32_t> order, int64_t index) const override;

 private:
  TextCorpus corpus_;
  WindowBatches batches_;
};

}  // namespace qkv
