// The batches of each update, made ready by a thread of its own while the update before it is computed.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "evaluate/batch_source.h"

namespace qkv {

// The place in the data: batch `index` of the order of `epoch` comes next.
struct DataPlace {
  int64_t epoch = 0, index = 0;
};

struct Update {
  std::vector<TrainingBatch> batches;  // an update ends with its epoch, so the last one of an epoch may have fewer
  int64_t target_tokens = 0;           // what is predicted
  int64_t speed_tokens = 0;            // what the speed is told of: target tokens, or an encoder's
  DataPlace next;                      // after this update
};

class BatchFeed {
 public:
  // `source` stays with the caller.
  BatchFeed(const BatchSource& source, int64_t batches_per_update, DataPlace start);
  ~BatchFeed();

  Update next();  // in order: what comes depends on the place alone, never on the threads

 private:
  void produce(DataPlace place);
  Update make_update(DataPlace place);

  static constexpr size_t kAhead = 2;
  const BatchSource& source_;
  const int64_t batches_per_update_;

  int64_t order_epoch_ = -1;  // used by the producing thread alone, like order_
  std::vector<int32_t> order_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Update> ready_;
  std::exception_ptr error_;
  bool stopping_ = false;
  DataPlace place_{};     // of the next update, where there is no producer
  std::thread producer_;  // last: it starts when the rest is there
};

}  // namespace qkv
