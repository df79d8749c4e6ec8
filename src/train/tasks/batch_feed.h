// Prepares the batches of each update in a separate thread while the previous update is computed.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "evaluate/batch_source.h"

namespace qkv {

// A position in the data: the next batch is batch `index` in the order of `epoch`.
struct DataPlace {
  int64_t epoch = 0, index = 0;
};

struct Update {
  std::vector<TrainingBatch> batches;  // an update never crosses an epoch, so the last one of an epoch may have fewer
  int64_t target_tokens = 0;           // predicted tokens
  int64_t speed_tokens = 0;            // tokens that count for the speed: target tokens, or an encoder's input
  DataPlace next;                      // position after this update
};

class BatchFeed {
 public:
  // `source` must outlive this object.
  BatchFeed(const BatchSource& source, int64_t batches_per_update, DataPlace start);
  ~BatchFeed();

  Update next();  // in order; depends only on the position, not on threads

 private:
  void produce(DataPlace place);
  Update make_update(DataPlace place);

  static constexpr size_t kAhead = 2;
  const BatchSource& source_;
  const int64_t batches_per_update_;

  int64_t order_epoch_ = -1;  // used only by the producing thread, like order_
  std::vector<int32_t> order_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Update> ready_;
  std::exception_ptr error_;
  bool stopping_ = false;
  DataPlace place_{};     // position of the next update, if there is no producer
  std::thread producer_;  // declared last, since it uses the other members
};

}  // namespace qkv
