#include "train/gradient_step.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include "autograd/backward.h"
#include "base/timing.h"
#include "tensor/tape.h"
#include "train/options/precision.h"
#include "train/schedule.h"
#include "train/slices.h"

namespace qkv {
namespace {

AdamWOptions adamw_options(const TrainOptions& o) {
  return {o.beta1, o.beta2, o.epsilon, o.weight_decay, o.clip_norm, o.ema_decay, o.layer_lr_decay};
}

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

GradientStep::GradientStep(Model& model, Model* averaged, const TrainOptions& options, const GradientExchange& exchange)
    : model_(model),
      averaged_(averaged),
      options_(options),
      exchange_(exchange),
      optimizer_(model.parameters, adamw_options(options), averaged ? &averaged->parameters : nullptr,
                 ParameterRow(model.parameters, exchange.slices()), exchange.first_part(), exchange.last_part()),
      order_(model.parameters) {}

StepResult GradientStep::compute(const Update& update, int64_t first_batch, int64_t step) {
  // A text without any token of the vocabulary predicts nothing.
  const auto predictions = static_cast<double>(std::max<int64_t>(update.target_tokens, 1));
  const auto scale = static_cast<float>(1 / predictions);
  StepResult result;
  result.batches = std::count_if(update.batches.begin(), update.batches.end(), [](const auto& batch) { return batch.predictions() > 0; });
  const Stopwatch watch;
  if (exchange_.plain()) {
    result.loss_sum = add_slice(update, 0, first_batch, scale);
    times_.compute += watch.seconds();
  } else {
    GradientTree tree(model_.parameters);
    for (int slice = exchange_.first_slice(); slice + 1 < exchange_.last_slice(); ++slice)
      add_to_tree(tree, update, slice, first_batch, scale);
    times_.compute += watch.seconds();
    add_last_slice(tree, update, first_batch, scale, watch, result);
  }
  std::vector<double> squares = optimizer_.squares();
  exchange_.complete(squares);
  result.loss = result.loss_sum / predictions;
  result.gradient_norm = AdamW::norm_of(squares);
  result.learning_rate = learning_rate(schedule_options(options_), step);
  return result;
}

void GradientStep::apply(const StepResult& result) {
  Stopwatch watch;
  optimizer_.step(result.learning_rate, result.gradient_norm);
  times_.update += watch.seconds();
  watch = {};
  exchange_.share(optimizer_.row(), model_.parameters);
  times_.share += watch.seconds();
}

void GradientStep::share_averages() {
  if (averaged_) exchange_.share(optimizer_.row(), averaged_->parameters);
}

void GradientStep::add_to_tree(GradientTree& tree, const Update& update, int slice, int64_t first_batch, float scale,
                               const Completed& added) {
  std::vector<bool> done(model_.parameters.all().size());
  const auto complete = [&](size_t parameter) {
    done[parameter] = true;
    tree.add(parameter);
    if (added) added(parameter);
  };
  tree.add_loss(add_slice(update, slice, first_batch, scale, complete));
  for (size_t i = done.size(); i-- > 0;) {
    if (!done[i]) complete(i);
  }
}

void GradientStep::add_last_slice(GradientTree& tree, const Update& update, int64_t first_batch, float scale, const Stopwatch& began,
                                  StepResult& result) {
  Stopwatch watch;
  const std::vector<Parameter>& parameters = model_.parameters.all();
  const size_t count = parameters.size();
  const int last = exchange_.last_slice() - 1;
  if (exchange_.group().size() == 1) {
    add_to_tree(tree, update, last, first_batch, scale);
    for (size_t i = 0; i < count; ++i) {
      if (const Tensor sum = tree.take(i)) add_gradient(parameters[i].value, sum);
    }
    result.loss_sum = tree.take_loss();
    times_.compute += watch.seconds();
    return;
  }
  const auto processes = static_cast<size_t>(exchange_.group().size());
  // How many processes have a gradient of each parameter; the loss; the seconds that each process computed.
  std::vector<double> numbers(count + 1 + processes);
  GradientTransfer transfer(exchange_, optimizer_.row(), began);
  add_to_tree(tree, update, last, first_batch, scale, [&](size_t i) {
    const Tensor gradient = tree.take(i);
    numbers[i] = gradient ? 1 : 0;
    transfer.put(i, gradient);
  });
  numbers[count] = tree.take_loss();
  times_.compute += watch.seconds();
  trace_.gradients = began.seconds();
  numbers[count + 1 + static_cast<size_t>(exchange_.group().rank())] = trace_.gradients;
  watch = {};
  const std::vector<Tensor> sums = optimizer_.row().views(transfer.finish());
  exchange_.group().tree_sum(numbers);
  for (size_t i = 0; i < count; ++i) {
    if (numbers[i] > 0) add_gradient(parameters[i].value, sums[i]);
  }
  result.loss_sum = numbers[count];
  const auto seconds = std::span(numbers).subspan(count + 1);
  const auto slowest = std::max_element(seconds.begin(), seconds.end());
  result.slowest_process = static_cast<int>(slowest - seconds.begin());
  result.slowest_ratio = *slowest * static_cast<double>(processes) / std::max(std::accumulate(seconds.begin(), seconds.end(), 0.0), 1e-9);
  times_.exchange += watch.seconds();
  trace_.transfers = transfer.spans();
}

// Batches that predict nothing have no number.
double GradientStep::add_slice(const Update& update, int slice, int64_t first_batch, float scale, const Completed& completed) {
  double loss = 0;
  int64_t number = first_batch;
  size_t counted = 0;
  const std::vector<SliceUnit> units = units_of_slice(update.batches.size(), exchange_.slices(), slice);
  for (const SliceUnit& unit : units) {
    const Completed& last = &unit == &units.back() ? completed : Completed();
    for (; counted < unit.batch; ++counted) number += update.batches[counted].predictions() > 0;
    const TrainingBatch& batch = update.batches[unit.batch];
    if (unit.parts == 1) {
      if (batch.predictions() > 0) loss += add_gradients(batch, number, 0, scale, last);
    } else if (const TrainingBatch part = part_of(batch, unit.part, unit.parts); part.predictions() > 0) {
      loss += add_gradients(part, number, unit.part, scale, last);
    }
  }
  return loss;
}

double GradientStep::add_gradients(const TrainingBatch& batch, int64_t number, int part, float scale, const Completed& completed) {
  ForwardContext context;
  context.dtype = activation_type(options_.dtype);
  context.training = true;
  context.recompute = to_recompute(options_.recompute);
  context.seed = static_cast<uint64_t>(options_.seed) + static_cast<uint64_t>(part) * 0x9E3779B97F4A7C15;  // 2^64 / golden ratio
  context.step = static_cast<uint32_t>(number);
  Tape tape;
  RecordScope recording(&tape);
  const CrossEntropyResult result = batch_loss(model_.network, batch, static_cast<float>(options_.label_smoothing), scale, context);
  if (completed) {
    order_.backward(tape, result.loss, completed);
  } else {
    backward(tape, result.loss);
  }
  return result.loss_sum;
}

}  // namespace qkv
