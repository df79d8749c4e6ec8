// One update: the gradients of its batches, their exchange, clipping, AdamW.
#pragma once

#include <cstdint>

#include "models/model.h"
#include "qkv/trainer.h"
#include "train/gradient_exchange.h"
#include "train/optimizer.h"
#include "train/tasks/batch_feed.h"

namespace qkv {

struct StepResult {
  double loss_sum = 0;       // label-smoothed, over all predicted tokens
  double loss = 0;           // per predicted token
  double gradient_norm = 0;  // before clipping
  double learning_rate = 0;
  int64_t batches = 0;  // number of batches that predict something

  bool finite() const;
};

class GradientStep {
 public:
  // The arguments must outlive this object. `averaged` is a second model that receives the moving averages of the weights, or null.
  GradientStep(Model& model, Model* averaged, const TrainOptions& options, GradientExchange& exchange);

  // Computes the gradients of this process's batches and sums them over all processes. `first_batch` is the number of batches used before
  // this update; dropout's random numbers depend on it plus the index in the update. `step` counts updates from 1.
  StepResult compute(const Update& update, int64_t first_batch, int64_t step);
  // Updates the weights with these gradients.
  void apply(const StepResult& result) { optimizer_.step(result.learning_rate, result.gradient_norm); }

  AdamW& optimizer() { return optimizer_; }
  const AdamW& optimizer() const { return optimizer_; }

 private:
  double add_gradients(const TrainingBatch& batch, int64_t number, float scale);

  Model& model_;
  const TrainOptions& options_;
  GradientExchange& exchange_;
  AdamW optimizer_;
};

}  // namespace qkv
