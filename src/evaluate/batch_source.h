// What a training learns from, batch by batch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/batches.h"
#include "data/parallel_corpus.h"
#include "data/windows.h"
#include "nn/transformer.h"

namespace qkv {

// Sequences as the network takes them. Where it has a decoder, row i of target_in predicts target_out[i]; the source of a text alone is
// empty. Of an encoder alone row target_rows[i] of the source predicts target_out[i].
struct TrainingBatch {
  TokenBatch source, target_in;
  std::vector<int32_t> target_rows, target_out;
};

// The network's loss on it.
CrossEntropyResult batch_loss(const Transformer& network, const TrainingBatch& batch, float label_smoothing, float scale,
                              ForwardContext& context);

// target_in is the decoder start and then the target without its last token, target_out the target.
TrainingBatch make_pair_batch(const ParallelCorpus& corpus, std::span<const int32_t> pairs, int32_t decoder_start);
// target_in is each window's tokens, target_out the tokens behind them.
TrainingBatch make_window_batch(const TextCorpus& corpus, std::span<const Window> windows);

// Equally many batches in each epoch, in an order that depends on seed and epoch alone. May be used from any thread.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  virtual int64_t size() const = 0;                             // batches per epoch
  virtual std::vector<int32_t> order(int64_t epoch) const = 0;  // what batch() reads
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
