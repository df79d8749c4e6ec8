// Adds the gradients of all processes on a thread of its own, bucket by bucket, while the backward pass goes on.
#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "train/gradient_exchange.h"

namespace qkv {

// Between the constructor and finish() the group belongs to the thread. Buckets are sent from the last to the first, as a backward pass
// completes them, in the same order in all processes.
class GradientTransfer {
 public:
  GradientTransfer(const GradientExchange& exchange, const ParameterRow& row);
  ~GradientTransfer();

  // The sum of this process's slices for a parameter, once for each; empty: zeros.
  void put(size_t parameter, const Tensor& gradient);
  // Waits for the end. The row's values, whole in this process's parts. Throws what the thread threw.
  Tensor finish();
  double busy_seconds() const { return busy_seconds_; }  // after finish(): of transfers, without waiting for gradients

 private:
  void run();

  const GradientExchange& exchange_;
  const ParameterRow& row_;
  Tensor values_;
  std::vector<Tensor> slots_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<size_t> missing_;  // gradients of each bucket
  bool abandoned_ = false;
  std::exception_ptr error_;
  double busy_seconds_ = 0;
  std::thread thread_;
};

}  // namespace qkv
