#include "train/training_run.h"

#include <algorithm>
#include <cmath>

#include "autograd/backward.h"
#include "base/option_error.h"
#include "train/options/precision.h"
#include "train/schedule.h"

namespace qkv {
namespace {

AdamWOptions adamw_options(const TrainOptions& o) { return {o.beta1, o.beta2, o.epsilon, o.weight_decay, o.clip_norm, o.ema_decay}; }

ScheduleOptions schedule_options(const TrainOptions& o) {
  return {o.schedule, o.learning_rate, o.min_lr, o.warmup_steps, o.schedule_steps ? o.schedule_steps : o.max_steps};
}

std::vector<std::pair<std::string, Tensor>> named(const ParameterStore& parameters) {
  std::vector<std::pair<std::string, Tensor>> list;
  for (const Parameter& parameter : parameters.all()) list.emplace_back(parameter.name, parameter.value);
  return list;
}

Recompute to_recompute(Recomputation what) {
  switch (what) {
    case Recomputation::attention: return Recompute::attention;
    case Recomputation::layer: return Recompute::layer;
    case Recomputation::none: break;
  }
  return Recompute::none;
}

// A second model whose weights are the averages of the first one's.
std::unique_ptr<Model> make_average(const Model& model) {
  auto averaged = std::make_unique<Model>(model.config, 0, false, model.parameters.device());
  averaged->generation = model.generation;
  averaged->labels = model.labels;
  for (size_t i = 0; i < model.parameters.all().size(); ++i) {
    averaged->parameters.all()[i].value.copy_from(model.parameters.all()[i].value);
    averaged->parameters.all()[i].value.touch();
  }
  return averaged;
}

}  // namespace

TrainingRun::TrainingRun(const TrainingInputs& inputs, std::unique_ptr<Model> model, TrainingState state,
                         const std::optional<std::filesystem::path>& checkpoint)
    : in_(inputs),
      state_(std::move(state)),
      earlier_seconds_(state_.elapsed_seconds),
      model_(std::move(model)),
      averaged_(inputs.options.ema_decay > 0 ? make_average(*model_) : nullptr),
      optimizer_(model_->parameters, adamw_options(inputs.options), averaged_ ? &averaged_->parameters : nullptr),
      log_(inputs.output.log(), state_.step),
      first_step_(state_.step) {
  if (checkpoint) {
    load_checkpoint(*checkpoint, parts());
    optimizer_.set_steps(state_.step);
    saved_step_ = state_.step;
  }
  if (in_.options.tensorboard) events_.emplace(in_.output.tensorboard(), state_.step + 1);
}

TrainResult TrainingRun::run() {
  feed_.emplace(in_.batches, in_.options.accumulate, DataPlace{state_.epoch, state_.index});
  loop_start_ = elapsed();
  while (true) {
    if (state_.step > 0 && state_.step % in_.options.validate_every == 0 && state_.last_validation_step != state_.step) validate();
    if (const auto end = reached_end()) {
      if (state_.last_validation_step != state_.step || state_.best_score < 0) validate();
      state_.finished = name_of(*end);
      state_.finished_limit = limit_of(in_.options, *end);
      saved_step_ = -1;
      save();
      return result_of(state_, *end, false, elapsed());
    }
    stop_if_asked();
    if (state_.step % in_.options.save_every == 0 && state_.step > 0) save();
    make_update();
  }
}

void TrainingRun::make_update() {
  const Stopwatch watch;
  const Update update = feed_->next();
  // A text of which no token is in the vocabulary predicts nothing.
  const auto predictions = static_cast<double>(std::max<int64_t>(update.target_tokens, 1));
  const auto scale = static_cast<float>(1 / predictions);
  double loss_sum = 0;
  for (const TrainingBatch& batch : update.batches) {
    if (batch.target_out.empty()) continue;
    ForwardContext context;
    context.dtype = activation_type(in_.options.dtype);
    context.training = true;
    context.recompute = to_recompute(in_.options.recompute);
    context.seed = static_cast<uint64_t>(in_.options.seed);
    context.step = static_cast<uint32_t>(state_.batches++);
    Tape tape;
    RecordScope recording(&tape);
    const CrossEntropyResult result = batch_loss(model_->network, batch, static_cast<float>(in_.options.label_smoothing), scale, context);
    loss_sum += result.loss_sum;
    backward(tape, result.loss);
  }
  const double rate = learning_rate(schedule_options(in_.options), state_.step + 1);
  const double norm = optimizer_.gradient_norm();
  check_finite(loss_sum, norm, rate);
  optimizer_.step(rate, norm);

  ++state_.step;
  state_.epoch = update.next.epoch;
  state_.index = update.next.index;
  state_.window_loss += loss_sum;
  state_.window_tokens += update.target_tokens;
  window_seconds_ += watch.seconds();
  window_speed_tokens_ += update.speed_tokens;
  report_step(update, loss_sum / predictions, rate, norm);
}

void TrainingRun::check_finite(double loss, double norm, double rate) const {
  if (std::isfinite(loss) && std::isfinite(norm)) return;
  const double culprit = std::isfinite(loss) ? norm : loss;
  fail_option(
      ErrorCode::diverged,
      "training diverged at step {}: the {} is {} (learning rate {:.3g}); {}; a smaller `learning_rate` or more `warmup_steps` may help",
      state_.step + 1, std::isfinite(loss) ? "norm of the gradient" : "loss", std::isnan(culprit) ? "not a number" : "infinite", rate,
      last_checkpoint());
}

void TrainingRun::report_step(const Update& update, double loss, double rate, double norm) {
  TrainStep step;
  step.step = state_.step;
  step.epoch = update.next.index == 0 ? update.next.epoch : update.next.epoch + 1;
  step.loss = loss;
  step.average_loss = state_.window_loss / static_cast<double>(std::max<int64_t>(state_.window_tokens, 1));
  step.learning_rate = rate;
  step.gradient_norm = norm;
  step.tokens_per_second = static_cast<double>(window_speed_tokens_) / std::max(window_seconds_, 1e-9);
  step.elapsed_seconds = elapsed();
  step.remaining_seconds = remaining();
  step.logged = state_.step % in_.options.log_every == 0;
  if (step.logged) {
    log_.write(step);
    if (events_) {
      events_->write(step.step, std::array<EventFile::Scalar, 4>{{{"train/loss", step.average_loss},
                                                                  {"train/learning_rate", step.learning_rate},
                                                                  {"train/gradient_norm", step.gradient_norm},
                                                                  {"train/tokens_per_second", step.tokens_per_second}}});
    }
    state_.window_loss = 0;
    state_.window_tokens = 0;
    window_seconds_ = 0;
    window_speed_tokens_ = 0;
  }
  if (in_.callbacks.on_step) in_.callbacks.on_step(step);
}

void TrainingRun::validate() {
  const Stopwatch watch;
  const Model& judged = averaged_ ? *averaged_ : *model_;
  ValidationResult result;
  try {
    result = in_.validation.run(judged.network);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::interrupted) throw;
    stop_if_asked();  // validated again after resuming
    throw;
  }
  if (!std::isfinite(result.loss)) {
    fail(ErrorCode::diverged, "training diverged by step {}: the validation loss is no finite number; {}", state_.step, last_checkpoint());
  }
  const bool scheduled = state_.step % in_.options.validate_every == 0;
  const double score = result.score();
  const bool better = score > state_.best_score || (score == state_.best_score && result.loss < state_.best_loss);
  if (better) {
    save_model(judged, in_.output.path());
    state_.best_score = score;
    state_.best_loss = result.loss;
    state_.best_step = state_.step;
    state_.score_name = result.score_name();
    state_.validations_without_better = 0;
  } else if (scheduled) {
    ++state_.validations_without_better;
  }
  state_.last_validation_step = state_.step;
  saved_step_ = -1;
  validation_seconds_ = watch.seconds();
  const TrainValidation validation{.step = state_.step,
                                   .loss = result.loss,
                                   .perplexity = std::exp(result.loss),
                                   .bleu = result.bleu,
                                   .exact_match = result.exact_match,
                                   .bits_per_byte = result.bits_per_byte,
                                   .masked_bits_per_byte = result.masked_bits_per_byte,
                                   .accuracy = result.accuracy,
                                   .best = better,
                                   .seconds = validation_seconds_};
  log_.write(validation);
  if (events_) {
    std::vector<EventFile::Scalar> scalars{{"valid/loss", validation.loss}, {"valid/perplexity", validation.perplexity}};
    if (validation.bleu) scalars.push_back({"valid/bleu", *validation.bleu});
    if (validation.exact_match) scalars.push_back({"valid/exact_match", *validation.exact_match});
    if (validation.accuracy) scalars.push_back({"valid/accuracy", *validation.accuracy});
    if (validation.masked_bits_per_byte) scalars.push_back({"valid/masked_bits_per_byte", *validation.masked_bits_per_byte});
    if (validation.bits_per_byte) scalars.push_back({"valid/bits_per_byte", *validation.bits_per_byte});
    events_->write(state_.step, scalars);
  }
  if (in_.callbacks.on_validation) in_.callbacks.on_validation(validation);
}

void TrainingRun::save() {
  if (saved_step_ == state_.step) return;
  const Stopwatch watch;
  state_.elapsed_seconds = elapsed();
  save_checkpoint(in_.output.checkpoints(), state_.step, to_json(state_), parts(), in_.options.keep_checkpoints);
  saved_step_ = state_.step;
  save_seconds_ = watch.seconds();
}

void TrainingRun::stop_if_asked() {
  const CancellationToken* token = in_.options.cancellation;
  if (!(token && token->cancelled()) && !(in_.callbacks.should_stop && in_.callbacks.should_stop())) return;
  save();
  if (state_.best_score < 0) {  // nothing was validated: the directory opens with the weights as they are
    save_model(averaged_ ? *averaged_ : *model_, in_.output.path());
  }
  fail_option(ErrorCode::interrupted, "stopped after step {}; the same command with `resume` goes on from there", state_.step);
}

std::optional<TrainEnd> TrainingRun::reached_end() const {
  const TrainOptions& o = in_.options;
  if (o.max_steps && state_.step >= o.max_steps) return TrainEnd::max_steps;
  if (o.max_epochs && state_.epoch >= o.max_epochs) return TrainEnd::max_epochs;
  if (o.patience && state_.validations_without_better >= o.patience) return TrainEnd::patience;
  if (o.max_minutes > 0) {
    // Time for the last validation (a tenth of the whole where none was timed) and checkpoint is kept back.
    const double limit = o.max_minutes * 60;
    const double validation = state_.last_validation_step == state_.step ? 0
                              : validation_seconds_ >= 0                 ? 1.1 * validation_seconds_
                                                                         : 0.1 * limit;
    if (elapsed() + validation + save_seconds_ >= limit) return TrainEnd::max_minutes;
  }
  return std::nullopt;
}

double TrainingRun::elapsed() const { return earlier_seconds_ + in_.watch.seconds(); }

double TrainingRun::remaining() const {
  const TrainOptions& o = in_.options;
  const double per_step = (elapsed() - loop_start_) / static_cast<double>(std::max<int64_t>(state_.step - first_step_, 1));
  const int64_t per_epoch = (in_.batches.size() + o.accumulate - 1) / o.accumulate;
  double remaining = HUGE_VAL;
  if (o.max_steps) remaining = std::min(remaining, per_step * static_cast<double>(o.max_steps - state_.step));
  if (o.max_epochs) {
    remaining =
        std::min(remaining, per_step * static_cast<double>((o.max_epochs - state_.epoch) * per_epoch - state_.index / o.accumulate));
  }
  if (o.max_minutes > 0) remaining = std::min(remaining, o.max_minutes * 60 - elapsed());
  return std::isfinite(remaining) ? std::max(remaining, 0.0) : -1;
}

std::string TrainingRun::last_checkpoint() const {
  const auto checkpoint = find_checkpoint(in_.output.checkpoints());
  return checkpoint ? fmt::format("{} is the last checkpoint", checkpoint->string()) : "there is no checkpoint yet";
}

std::vector<CheckpointPart> TrainingRun::parts() const {
  std::vector<CheckpointPart> list{{"weights.safetensors", named(model_->parameters)}, {"optimizer.safetensors", {}}};
  for (size_t i = 0; i < optimizer_.m().size(); ++i) {
    const std::string& name = model_->parameters.all()[i].name;
    list[1].tensors.emplace_back("m." + name, optimizer_.m()[i]);
    list[1].tensors.emplace_back("v." + name, optimizer_.v()[i]);
  }
  if (averaged_) list.push_back({"average.safetensors", named(averaged_->parameters)});
  return list;
}

double limit_of(const TrainOptions& options, TrainEnd end) {
  switch (end) {
    case TrainEnd::max_steps: return static_cast<double>(options.max_steps);
    case TrainEnd::max_epochs: return static_cast<double>(options.max_epochs);
    case TrainEnd::max_minutes: return options.max_minutes;
    case TrainEnd::patience: return static_cast<double>(options.patience);
  }
  return 0;
}

}  // namespace qkv
