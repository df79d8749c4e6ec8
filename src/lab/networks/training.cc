#include "lab/networks/training.h"

#include <algorithm>
#include <cmath>

#include "autograd/backward.h"
#include "base/cancellation.h"
#include "base/timing.h"
#include "train/optimizer.h"
#include "train/schedule.h"

namespace qkv::lab {

TrainingOutcome train(ParameterStore& parameters, const TrainingOptions& options,
                      const std::function<Tensor(int64_t step, ForwardContext& context)>& loss) {
  const Stopwatch watch;
  AdamW optimizer(parameters, {.beta2 = 0.99, .epsilon = 1e-8, .weight_decay = options.weight_decay, .clip_norm = options.clip_norm},
                  nullptr);
  const ScheduleOptions schedule{.kind = LearningRateSchedule::cosine,
                                 .peak = options.learning_rate,
                                 .minimum = options.learning_rate / 20,
                                 .warmup_steps = static_cast<int64_t>(options.warmup * static_cast<double>(options.steps)),
                                 .total_steps = options.steps};
  const int64_t stretch = std::max<int64_t>(1, options.steps / 50);
  TrainingOutcome outcome;
  double sum = 0;
  for (int64_t step = 1; step <= options.steps; ++step) {
    throw_if_cancelled(options.cancellation);
    ForwardContext context{.dtype = options.dtype, .training = true, .seed = options.seed, .step = static_cast<uint32_t>(step)};
    Tape tape;
    Tensor value;
    {
      const RecordScope recording(&tape);
      value = loss(step, context);
    }
    const double now = value.to_vector().front();
    backward(tape, value);
    const double norm = optimizer.gradient_norm();
    if (!std::isfinite(now) || !std::isfinite(norm)) {
      outcome.diverged = true;
      break;
    }
    optimizer.step(learning_rate(schedule, step), norm);
    sum += now;
    if (step % stretch == 0) {
      outcome.losses.emplace_back(static_cast<double>(step), sum / static_cast<double>(stretch));
      sum = 0;
    }
  }
  outcome.seconds = watch.seconds();
  return outcome;
}

}  // namespace qkv::lab
