// One update: the gradients of its batches, their exchange, clipping, AdamW.
#pragma once

#include <cstdint>
#include <functional>

#include "base/timing.h"
#include "models/model.h"
#include "qkv/trainer.h"
#include "train/completion_order.h"
#include "train/gradient_exchange.h"
#include "train/gradient_transfer.h"
#include "train/gradient_tree.h"
#include "train/optimizer.h"
#include "train/tasks/batch_feed.h"

namespace qkv {

struct StepResult {
  double loss_sum = 0;       // label-smoothed, over all predicted tokens
  double loss = 0;           // per predicted token
  double gradient_norm = 0;  // before clipping
  double learning_rate = 0;
  int64_t batches = 0;  // number of batches that predict something
  // The process that computed longest, and how its time compares with the mean of all; -1: there is only one.
  int slowest_process = -1;
  double slowest_ratio = 1;

  bool finite() const;
};

// Seconds that a process spent on the parts of its updates.
struct StepTimes {
  double compute = 0;   // gradients of its slices, and their sum
  double exchange = 0;  // waiting for the sums of all processes
  double update = 0;
  double share = 0;  // sending and receiving updated weights
};

// What an update of several processes did when, in seconds since it began.
struct StepTrace {
  double gradients = 0;                 // the last gradient of this process was complete
  std::vector<TransferSpan> transfers;  // of all buckets, in order
};

class GradientStep {
 public:
  // The arguments must outlive this object. `averaged` is a second model that receives the moving averages of the weights, or null. With
  // several processes, each has the averages of its own parts of the weights (share_averages).
  GradientStep(Model& model, Model* averaged, const TrainOptions& options, const GradientExchange& exchange);

  // Computes the gradients of this process's slices of the update and adds those of all processes. `first_batch` is the number of batches
  // used before this update; dropout's random numbers depend on it plus the index in the update, and on the part of the batch. `step`
  // counts updates from 1.
  StepResult compute(const Update& update, int64_t first_batch, int64_t step);
  // Updates the weights with these gradients.
  void apply(const StepResult& result);
  // Completes the moving averages in all processes.
  void share_averages();

  const GradientExchange& exchange() const { return exchange_; }
  const StepTimes& times() const { return times_; }  // of all updates so far
  const StepTrace& trace() const { return trace_; }  // of the latest update

  AdamW& optimizer() { return optimizer_; }
  const AdamW& optimizer() const { return optimizer_; }

 private:
  // Called when a gradient is complete, if not null.
  using Completed = std::function<void(size_t parameter)>;
  double add_gradients(const TrainingBatch& batch, int64_t number, int part, float scale, const Completed& completed);
  // `completed` is called for some parameters at most, during the slice's last pass.
  double add_slice(const Update& update, int slice, int64_t first_batch, float scale, const Completed& completed = {});
  // `added` is called for each parameter once the slice's gradient is in the tree.
  void add_to_tree(GradientTree& tree, const Update& update, int slice, int64_t first_batch, float scale, const Completed& added = {});
  // Makes the sums of all slices of all processes the gradients of the parameters; those of this process's parts are whole. `began`: since
  // the beginning of the update.
  void add_last_slice(GradientTree& tree, const Update& update, int64_t first_batch, float scale, const Stopwatch& began,
                      StepResult& result);

  Model& model_;
  Model* averaged_;
  const TrainOptions& options_;
  const GradientExchange& exchange_;
  AdamW optimizer_;
  CompletionOrder order_;
  StepTimes times_;
  StepTrace trace_;
};

}  // namespace qkv
