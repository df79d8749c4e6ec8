#include "train/training_run.h"

#include <array>
#include <cmath>

#include "base/option_error.h"
#include "base/progress.h"

namespace qkv {

TrainingRun::TrainingRun(const TrainingInputs& inputs, std::unique_ptr<Model> model, TrainingState state,
                         const std::optional<std::filesystem::path>& checkpoint)
    : in_(inputs),
      state_(std::move(state)),
      store_(inputs.options, inputs.output, std::move(model)),
      step_(store_.model(), store_.averaged(), inputs.options, inputs.exchange),
      stop_(inputs.options, inputs.watch, state_.elapsed_seconds, inputs.batches.size(), state_.step) {
  if (group().first()) reporter_.emplace(inputs.options, inputs.callbacks, inputs.output, state_.step);
  if (checkpoint) store_.load(*checkpoint, step_, state_.step);
}

TrainResult TrainingRun::run() {
  BatchFeed feed(in_.batches, in_.options.accumulate, DataPlace{state_.epoch, state_.index});
  stop_.begin();
  if (state_.step == 0 && reporter_ && in_.callbacks.on_message) {
    if (const std::string warning = store_.lack_of_room(); !warning.empty()) in_.callbacks.on_message(warning);
  }
  activity("computing the first update");
  while (true) {
    if (state_.step > 0 && state_.step % in_.options.validate_every == 0 && state_.last_validation_step != state_.step) validate();
    const Decision decision = decide();
    if (decision.end) return finish(*decision.end);
    if (decision.stop) stop();
    if (state_.step % in_.options.save_every == 0 && state_.step > 0) save();
    make_update(feed);
  }
}

// The first process's clock counts, and a wish to stop in any of them.
TrainingRun::Decision TrainingRun::decide() const {
  const std::optional<TrainEnd> end = group().first() ? stop_.reached_end(state_) : std::nullopt;
  std::array<double, 2> votes{end ? 1.0 + static_cast<double>(*end) : 0, stop_.cancelled(in_.callbacks) ? 1.0 : 0};
  group().tree_sum(votes);
  Decision decision{.stop = votes[1] > 0};
  if (votes[0] > 0) decision.end = static_cast<TrainEnd>(std::lround(votes[0]) - 1);
  return decision;
}

TrainResult TrainingRun::finish(TrainEnd end) {
  if (state_.last_validation_step != state_.step || state_.best_score < 0) validate();
  state_.finished = name_of(end);
  state_.finished_limit = limit_of(in_.options, end);
  store_.changed();
  save();
  return result_of(state_, end, false, stop_.elapsed());
}

void TrainingRun::make_update(BatchFeed& feed) {
  const Stopwatch watch;
  const Update update = feed.next();
  StepResult result;
  in_stream(store_.model().parameters.device(), [&] {
    result = step_.compute(update, state_.batches, state_.step + 1);
    check_finite(result);
    step_.apply(result);
  });

  ++state_.step;
  state_.batches += result.batches;
  state_.epoch = update.next.epoch;
  state_.index = update.next.index;
  state_.window_loss += result.loss_sum;
  state_.window_tokens += update.target_tokens;
  const double seconds = watch.seconds();
  update_seconds_ += seconds;
  ++updates_;
  if (reporter_) reporter_->step(state_, update, result, seconds, stop_.elapsed(), stop_.remaining(state_));
  report_epoch_time();
}

void TrainingRun::report_epoch_time() {
  if (epoch_reported_ || (update_seconds_ < kEpochReportSeconds && state_.index != 0)) return;
  epoch_reported_ = true;
  if (!in_.callbacks.on_message) return;
  const int64_t per_epoch = (in_.batches.size() + in_.options.accumulate - 1) / in_.options.accumulate;
  in_.callbacks.on_message(fmt::format("an epoch has {} updates and takes about {}", per_epoch,
                                       format_duration(update_seconds_ / static_cast<double>(updates_) * static_cast<double>(per_epoch))));
}

void TrainingRun::activity(std::string_view what) const {
  if (in_.callbacks.on_activity) in_.callbacks.on_activity(what);
}

void TrainingRun::check_finite(const StepResult& result) const {
  if (result.finite()) return;
  const bool loss = !std::isfinite(result.loss);
  const double culprit = loss ? result.loss : result.gradient_norm;
  fail_option(ErrorCode::diverged,
              "training diverged at step {}: the {} is {} (learning rate {:.3g}); {}; a smaller `learning_rate` or more `warmup_steps` may "
              "help",
              state_.step + 1, loss ? "loss" : "norm of the gradient", std::isnan(culprit) ? "not a number" : "infinite",
              result.learning_rate, store_.last_checkpoint());
}

// Empty if it was interrupted.
std::optional<ValidationResult> TrainingRun::judge() {
  step_.share_averages();
  Share share{.index = group().rank(), .count = group().size()};
  share.sum = [this](std::span<double> values) { group().tree_sum(values); };
  share.gather = [this](const std::string& text) { return group().gather(text); };
  try {
    return in_.validation.run(store_.judged().network, share);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::interrupted && stop_.cancelled(in_.callbacks)) return std::nullopt;
    throw;
  }
}

void TrainingRun::validate() {
  activity(fmt::format("validating after step {}", state_.step));
  const Stopwatch watch;
  const std::optional<ValidationResult> judged = judge();
  if (!judged) stop();  // the validation is repeated after resuming
  const ValidationResult& result = *judged;
  if (!std::isfinite(result.loss)) {
    fail(ErrorCode::diverged, "training diverged by step {}: the validation loss is no finite number; {}", state_.step,
         store_.last_checkpoint());
  }
  const double score = result.score();
  const bool better = score > state_.best_score || (score == state_.best_score && result.loss < state_.best_loss);
  if (better) {
    if (group().first()) store_.keep_model();
    state_.best_score = score;
    state_.best_loss = result.loss;
    state_.best_step = state_.step;
    state_.score_name = result.score_name();
    state_.validations_without_better = 0;
  } else if (state_.step % in_.options.validate_every == 0) {
    ++state_.validations_without_better;
  }
  state_.last_validation_step = state_.step;
  store_.changed();
  const double seconds = watch.seconds();
  stop_.validation_took(seconds);
  if (reporter_) reporter_->validation(state_.step, result, better, seconds);
}

void TrainingRun::save() {
  const Stopwatch watch;
  activity(fmt::format("writing a checkpoint of step {}", state_.step));
  state_.elapsed_seconds = stop_.elapsed();
  if (!store_.save(state_, step_)) return;
  if (group().first() && state_.best_score < 0) store_.keep_model();  // without a validation, the current weights are stored
  stop_.saving_took(watch.seconds());
}

std::string TrainingRun::what_is_left() const {
  const std::string checkpoint = in_.output.shown(store_.checkpoint_of(state_.step)), model = in_.output.shown(in_.output.path());
  if (state_.best_score < 0) return fmt::format("{} opens with the weights as they are; the checkpoint is {}", model, checkpoint);
  return fmt::format("{} opens with the best weights, of step {}; the checkpoint {} has the last ones", model, state_.best_step,
                     checkpoint);
}

void TrainingRun::stop() {
  save();
  fail_option(ErrorCode::interrupted, "stopped after step {}; the same command with `resume` goes on from there; {}", state_.step,
              what_is_left());
}

}  // namespace qkv
