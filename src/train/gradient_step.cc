#include "train/gradient_step.h"

#include <algorithm>
#include <cmath>

#include "autograd/backward.h"
#include "train/options/precision.h"
#include "train/schedule.h"

namespace qkv {
namespace {

AdamWOptions adamw_options(const TrainOptions& o) { return {o.beta1, o.beta2, o.epsilon, o.weight_decay, o.clip_norm, o.ema_decay}; }

ScheduleOptions schedule_options(const TrainOptions& o) {
  return {o.schedule, o.learning_rate, o.min_lr, o.warmup_steps, o.schedule_steps ? o.schedule_steps : o.max_steps};
}

Recompute to_recompute(Recomputation what) {
  switch (what) {
    case Recomputation::attention: return Recompute::attention;
    case Recomputation::layer: return Recompute::layer;
    case Recomputation::none: break;
  }
  return Recompute::none;
}

}  // namespace

bool StepResult::finite() const { return std::isfinite(loss) && std::isfinite(gradient_norm); }

GradientStep::GradientStep(Model& model, Model* averaged, const TrainOptions& options, GradientExchange& exchange)
    : model_(model),
      options_(options),
      exchange_(exchange),
      optimizer_(model.parameters, adamw_options(options), averaged ? &averaged->parameters : nullptr) {}

StepResult GradientStep::compute(const Update& update, int64_t first_batch, int64_t step) {
  // A text without any token of the vocabulary predicts nothing.
  const auto predictions = static_cast<double>(std::max<int64_t>(update.target_tokens, 1));
  const auto scale = static_cast<float>(1 / predictions);
  StepResult result;
  for (size_t i = 0; i < update.batches.size(); ++i) {
    if (update.batches[i].predictions() == 0) continue;
    const int64_t number = first_batch + result.batches++;
    if (static_cast<int>(i % static_cast<size_t>(exchange_.processes())) != exchange_.process()) continue;
    result.loss_sum += add_gradients(update.batches[i], number, scale);
  }
  exchange_.sum(model_.parameters, result.loss_sum);
  result.loss = result.loss_sum / predictions;
  result.gradient_norm = optimizer_.gradient_norm();
  result.learning_rate = learning_rate(schedule_options(options_), step);
  return result;
}

double GradientStep::add_gradients(const TrainingBatch& batch, int64_t number, float scale) {
  ForwardContext context;
  context.dtype = activation_type(options_.dtype);
  context.training = true;
  context.recompute = to_recompute(options_.recompute);
  context.seed = static_cast<uint64_t>(options_.seed);
  context.step = static_cast<uint32_t>(number);
  Tape tape;
  RecordScope recording(&tape);
  const CrossEntropyResult result = batch_loss(model_.network, batch, static_cast<float>(options_.label_smoothing), scale, context);
  backward(tape, result.loss);
  return result.loss_sum;
}

}  // namespace qkv
