#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace qkv {

double learning_rate(const ScheduleOptions& options, int64_t step) {
  const double peak = options.peak, minimum = options.minimum;
  const int64_t warmup = options.warmup_steps;
  if (step < warmup) return peak * static_cast<double>(step) / static_cast<double>(warmup);
  switch (options.kind) {
    case LearningRateSchedule::constant: return peak;
    case LearningRateSchedule::inverse_sqrt:
      return std::max(
          minimum, peak * std::sqrt(static_cast<double>(std::max<int64_t>(warmup, 1)) / static_cast<double>(std::max<int64_t>(step, 1))));
    case LearningRateSchedule::cosine: {
      if (step >= options.total_steps) return minimum;
      const double progress = static_cast<double>(step - warmup) / static_cast<double>(options.total_steps - warmup);
      return minimum + (peak - minimum) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
    }
  }
  return peak;
}

}  // namespace qkv
