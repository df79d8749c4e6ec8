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
  double loss_sum = 0;       // label-smoothed, of all predicted tokens
  double loss = 0;           // per predicted token
  double gradient_norm = 0;  // before clipping
  double learning_rate = 0;
  int64_t batches = 0;  // used: those that predict something

  bool finite() const;
};

class GradientStep {
 public:
  // All stay with the caller. `averaged`: a second model whose weights become the averages of the first one's; null: none.
  GradientStep(Model& model, Model* averaged, const TrainOptions& options, GradientExchange& exchange);

  // The gradients of the batches that are this process's, added up over all processes. `first_batch` counts the used batches before this
  // update: with the place in it, the number that dropout's random numbers depend on. `step`: of this update, from 1.
  StepResult compute(const Update& update, int64_t first_batch, int64_t step);
  // Moves the weights by them.
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
