// When a training ends, and how long that is to go.
#pragma once

#include <optional>

#include "base/timing.h"
#include "qkv/trainer.h"
#include "train/output/training_state.h"

namespace qkv {

// The number that stands behind an end: --max-steps and so on.
double limit_of(const TrainOptions& options, TrainEnd end);

class StopPolicy {
 public:
  // `watch` runs since the start of this session, `earlier_seconds` were spent in sessions before. `batches_per_epoch` of the data.
  StopPolicy(const TrainOptions& options, Stopwatch watch, double earlier_seconds, int64_t batches_per_epoch, int64_t first_step);

  void begin() { loop_start_ = elapsed(); }  // the first update of this session begins now
  void validation_took(double seconds) { validation_seconds_ = seconds; }
  void saving_took(double seconds) { save_seconds_ = seconds; }

  double elapsed() const { return earlier_seconds_ + watch_.seconds(); }  // since the start, earlier sessions included
  std::optional<TrainEnd> reached_end(const TrainingState& state) const;
  // Has the caller asked to stop?
  bool cancelled(const TrainCallbacks& callbacks) const;
  // Seconds until the first limit that can be foreseen; negative: none.
  double remaining(const TrainingState& state) const;

 private:
  const TrainOptions& options_;
  Stopwatch watch_;
  double earlier_seconds_;
  int64_t batches_per_epoch_, first_step_;
  double loop_start_ = 0;           // elapsed() at begin()
  double validation_seconds_ = -1;  // that the last one took; -1: none yet
  double save_seconds_ = 0;
};

}  // namespace qkv
