// Reports the progress of a training to the log, TensorBoard files and the caller's callbacks.
#pragma once

#include <optional>

#include "evaluate/validation.h"
#include "train/gradient_step.h"
#include "train/output/event_file.h"
#include "train/output/output_directory.h"
#include "train/output/train_log.h"
#include "train/output/training_state.h"

namespace qkv {

class TrainReporter {
 public:
  // Voids lines and events of steps after `last_step`. `options` and `callbacks` must outlive this object.
  TrainReporter(const TrainOptions& options, const TrainCallbacks& callbacks, const OutputDirectory& output, int64_t last_step);

  // Reports an update that took `seconds`. If it is logged, the sums of `state` since the last logged step are reset.
  void step(TrainingState& state, const Update& update, const StepResult& result, double seconds, double elapsed, double remaining);
  void validation(int64_t step, const ValidationResult& result, bool best, double seconds);

 private:
  const TrainOptions& options_;
  const TrainCallbacks& callbacks_;
  TrainLog log_;
  std::optional<EventFile> events_;
  double window_seconds_ = 0;  // time of updates since the last logged step, in this session
  int64_t window_speed_tokens_ = 0;
};

}  // namespace qkv
