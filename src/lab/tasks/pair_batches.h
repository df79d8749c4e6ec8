// Pairs in the order of training, by step number.
#pragma once

#include <memory>
#include <vector>

#include "evaluate/batch_source.h"

namespace qkv::lab {

class PairBatches {
 public:
  explicit PairBatches(std::unique_ptr<PairSource> source) : source_(std::move(source)) {}

  // The batch of step 1, 2, …; steps may be requested in any order.
  TrainingBatch batch(int64_t step) {
    const int64_t epoch = (step - 1) / source_->size();
    if (epoch != epoch_) order_ = source_->order(epoch_ = epoch);
    return source_->batch(epoch, order_, (step - 1) % source_->size());
  }

 private:
  std::unique_ptr<PairSource> source_;
  int64_t epoch_ = -1;
  std::vector<int32_t> order_;
};

}  // namespace qkv::lab
