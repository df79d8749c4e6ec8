// The learning rate of each update.
#pragma once

#include <cstdint>

#include "qkv/trainer.h"

namespace qkv {

struct ScheduleOptions {
  LearningRateSchedule kind = LearningRateSchedule::inverse_sqrt;
  double peak = 0;
  double minimum = 0;  // the rate does not fall below it after the warm-up
  int64_t warmup_steps = 0;
  int64_t total_steps = 0;  // end of the cosine; the rate is the minimum from there on
};

// Learning rate of update `step` (1, 2, …) with peak p, minimum m, warm-up w (0 counts as 1 in divisions) and total t:
//   warm-up (step < w)   p * step / w
//   constant             p
//   inverse-sqrt         max(m, p * sqrt(max(w, 1) / step))   (Vaswani et al. 2017, eq. 3, with p = hidden_size^-0.5 * w^-0.5)
//   cosine               m + (p - m) * (1 + cos(pi * (step - w) / (t - w))) / 2, m from step t on   (Loshchilov and Hutter 2017, eq. 5)
double learning_rate(const ScheduleOptions& options, int64_t step);

}  // namespace qkv
