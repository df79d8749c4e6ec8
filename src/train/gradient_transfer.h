// Adds the gradients of all processes on a thread of its own, bucket by bucket, while the backward pass goes on.
#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/timing.h"
#include "train/gradient_exchange.h"

namespace qkv {

// When a bucket was sent, received and added, in seconds of the update.
struct TransferSpan {
  double begin = 0, end = 0;
};

// Between the constructor and finish() the group belongs to the thread. Buckets are sent from the last to the first, as a backward pass
// completes them, in the same order in all processes.
class GradientTransfer {
 public:
  // `clock` began with the update.
  GradientTransfer(const GradientExchange& exchange, const ParameterRow& row, const Stopwatch& clock);
  ~GradientTransfer();

  // The sum of this process's slices for a parameter, once for each; empty: zeros.
  void put(size_t parameter, const Tensor& gradient);
  // Waits for the end. The row's values, whole in this process's parts. Throws what the thread threw.
  Tensor finish();
  const std::vector<TransferSpan>& spans() const { return spans_; }  // after finish(): of the buckets, the first one first

 private:
  void run();

  const GradientExchange& exchange_;
  const ParameterRow& row_;
  const Stopwatch clock_;
  Tensor values_;
  std::vector<Tensor> slots_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<size_t> missing_;  // gradients of each bucket
  bool abandoned_ = false;
  std::exception_ptr error_;
  std::vector<TransferSpan> spans_;
  std::thread thread_;
};

}  // namespace qkv
