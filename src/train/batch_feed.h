// The batches of each update, made ready by a thread of its own while the update before it is computed.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "data/batches.h"
#include "data/parallel_corpus.h"
#include "nn/transformer.h"

namespace qkv {

// Pairs as the network takes them: target_in is the decoder start and then the target without its last token, target_out the target.
struct PairBatch {
  TokenBatch source, target_in;
  std::vector<int32_t> target_out;
};
PairBatch make_pair_batch(const ParallelCorpus& corpus, std::span<const int32_t> pairs, int32_t decoder_start);

// The place in the data: batch `index` of the order of `epoch` comes next.
struct DataPlace {
  int64_t epoch = 0, index = 0;
};

struct Update {
  std::vector<PairBatch> batches;  // an update ends with its epoch, so the last one of an epoch may have fewer
  int64_t target_tokens = 0;
  DataPlace next;  // after this update
};

class BatchFeed {
 public:
  // `corpus` and `batches` stay with the caller.
  BatchFeed(const ParallelCorpus& corpus, const Batches& batches, int32_t decoder_start, int64_t batches_per_update, DataPlace start);
  ~BatchFeed();

  Update next();  // in order: what comes depends on the place alone, never on the threads

 private:
  void produce(DataPlace place);
  Update make_update(DataPlace place);

  static constexpr size_t kAhead = 2;
  const ParallelCorpus& corpus_;
  const Batches& batches_;
  const int32_t decoder_start_;
  const int64_t batches_per_update_;

  int64_t order_epoch_ = -1;  // used by the producing thread alone, like order_
  std::vector<int32_t> order_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Update> ready_;
  std::exception_ptr error_;
  bool stopping_ = false;
  std::thread producer_;  // last: it starts when the rest is there
};

}  // namespace qkv
