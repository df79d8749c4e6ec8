// Decides when a training ends, and estimates the remaining time.
#pragma once

#include <optional>

#include "base/timing.h"
#include "qkv/trainer.h"
#include "train/output/training_state.h"

namespace qkv {

// The value of the option that belongs to an end, such as --max-steps.
double limit_of(const TrainOptions& options, TrainEnd end);

class StopPolicy {
 public:
  // `watch` runs since the start of this session; `earlier_seconds` is the time of earlier sessions.
  StopPolicy(const TrainOptions& options, Stopwatch watch, double earlier_seconds, int64_t batches_per_epoch, int64_t first_step);

  void begin() { loop_start_ = elapsed(); }  // called before the first update of this session
  void validation_took(double seconds) { validation_seconds_ = seconds; }
  void saving_took(double seconds) { save_seconds_ = seconds; }

  double elapsed() const { return earlier_seconds_ + watch_.seconds(); }  // since the start, including earlier sessions
  std::optional<TrainEnd> reached_end(const TrainingState& state) const;
  // Returns true if the caller requested an end.
  bool cancelled(const TrainCallbacks& callbacks) const;
  // Seconds until the first predictable limit; negative if there is none.
  double remaining(const TrainingState& state) const;

 private:
  const TrainOptions& options_;
  Stopwatch watch_;
  double earlier_seconds_;
  int64_t batches_per_epoch_, first_step_;
  double loop_start_ = 0;           // elapsed() at begin()
  double validation_seconds_ = -1;  // duration of the last validation; -1: none yet
  double save_seconds_ = 0;
};

}  // namespace qkv
