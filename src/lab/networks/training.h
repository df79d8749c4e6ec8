// Trains the lab's networks with AdamW, warm-up and cosine, equal for all arms of a question unless it asks about them.
#pragma once

#include <functional>

#include "lab/record/record.h"
#include "nn/forward_context.h"
#include "nn/parameters.h"
#include "qkv/cancellation.h"

namespace qkv::lab {

struct TrainingOptions {
  int64_t steps = 1000;
  double learning_rate = 1e-3;  // the peak
  double warmup = 0.1;          // share of the steps
  double clip_norm = 1;         // 0: none
  double weight_decay = 0.01;
  uint64_t seed = 1;
  DType dtype = DType::f32;
  const CancellationToken* cancellation = nullptr;
};

struct TrainingOutcome {
  bool diverged = false;  // the loss or its gradient was not finite; training stopped there
  Series losses;          // mean training loss of each fiftieth of the steps, by step
  double seconds = 0;
};

// `loss` makes batch `step` and its loss per target; it is called with a recording tape. Ends with Error(interrupted) when cancelled.
TrainingOutcome train(ParameterStore& parameters, const TrainingOptions& options,
                      const std::function<Tensor(int64_t step, ForwardContext& context)>& loss);

}  // namespace qkv::lab
