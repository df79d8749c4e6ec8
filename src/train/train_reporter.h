// Reports of a running training: the log, TensorBoard's files, the caller's callbacks.
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
  // Lines and events of steps after `last_step` are void. `options` and `callbacks` stay with the caller.
  TrainReporter(const TrainOptions& options, const TrainCallbacks& callbacks, const OutputDirectory& output, int64_t last_step);

  // An update that took `seconds`; the sums of `state` since the last logged step begin anew where this one is logged.
  void step(TrainingState& state, const Update& update, const StepResult& result, double seconds, double elapsed, double remaining);
  void validation(int64_t step, const ValidationResult& result, bool best, double seconds);

 private:
  const TrainOptions& options_;
  const TrainCallbacks& callbacks_;
  TrainLog log_;
  std::optional<EventFile> events_;
  double window_seconds_ = 0;  // of updates since the last logged step, this session's
  int64_t window_speed_tokens_ = 0;
};

}  // namespace qkv
