#include "train/stop_policy.h"

#include <algorithm>
#include <cmath>

namespace qkv {

double limit_of(const TrainOptions& options, TrainEnd end) {
  switch (end) {
    case TrainEnd::max_steps: return static_cast<double>(options.max_steps);
    case TrainEnd::max_epochs: return static_cast<double>(options.max_epochs);
    case TrainEnd::max_minutes: return options.max_minutes;
    case TrainEnd::patience: return static_cast<double>(options.patience);
  }
  return 0;
}

StopPolicy::StopPolicy(const TrainOptions& options, Stopwatch watch, double earlier_seconds, int64_t batches_per_epoch, int64_t first_step)
    : options_(options), watch_(watch), earlier_seconds_(earlier_seconds), batches_per_epoch_(batches_per_epoch), first_step_(first_step) {}

std::optional<TrainEnd> StopPolicy::reached_end(const TrainingState& state) const {
  const TrainOptions& o = options_;
  if (state.planned_steps && state.step >= state.planned_steps) return TrainEnd::max_minutes;  // its limits counted when it was planned
  if (o.max_steps && state.step >= o.max_steps) return TrainEnd::max_steps;
  if (o.max_epochs && state.epoch >= o.max_epochs) return TrainEnd::max_epochs;
  if (o.patience && state.validations_without_better >= o.patience) return TrainEnd::patience;
  if (o.max_minutes > 0) {
    // Reserves time for the last checkpoint and validation (a tenth of the limit if no validation was timed yet).
    const double limit = o.max_minutes * 60;
    const double validation = state.last_validation_step == state.step ? 0
                              : validation_seconds_ >= 0               ? 1.1 * validation_seconds_
                                                                       : 0.1 * limit;
    if (elapsed() + validation + save_seconds_ >= limit) return TrainEnd::max_minutes;
  }
  return std::nullopt;
}

bool StopPolicy::cancelled(const TrainCallbacks& callbacks) const {
  if (options_.cancellation && options_.cancellation->cancelled()) return true;
  return callbacks.should_stop && callbacks.should_stop();
}

double StopPolicy::remaining(const TrainingState& state) const {
  const TrainOptions& o = options_;
  const double per_step = (elapsed() - loop_start_) / static_cast<double>(std::max<int64_t>(state.step - first_step_, 1));
  const int64_t per_epoch = (batches_per_epoch_ + o.accumulate - 1) / o.accumulate;
  double remaining = HUGE_VAL;
  if (o.max_steps) remaining = std::min(remaining, per_step * static_cast<double>(o.max_steps - state.step));
  if (o.max_epochs) {
    remaining = std::min(remaining, per_step * static_cast<double>((o.max_epochs - state.epoch) * per_epoch - state.index / o.accumulate));
  }
  if (state.planned_steps) remaining = std::min(remaining, per_step * static_cast<double>(state.planned_steps - state.step));
  if (o.max_minutes > 0) remaining = std::min(remaining, o.max_minutes * 60 - elapsed());
  return std::isfinite(remaining) ? std::max(remaining, 0.0) : -1;
}

}  // namespace qkv
