#include "train/train_reporter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace qkv {
namespace {

void write_events(EventFile& events, const TrainStep& step) {
  events.write(step.step, std::array<EventFile::Scalar, 4>{{{"train/loss", step.average_loss},
                                                            {"train/learning_rate", step.learning_rate},
                                                            {"train/gradient_norm", step.gradient_norm},
                                                            {"train/tokens_per_second", step.tokens_per_second}}});
}

void write_events(EventFile& events, const TrainValidation& validation) {
  std::vector<EventFile::Scalar> scalars{{"valid/loss", validation.loss}, {"valid/perplexity", validation.perplexity}};
  if (validation.bleu) scalars.push_back({"valid/bleu", *validation.bleu});
  if (validation.exact_match) scalars.push_back({"valid/exact_match", *validation.exact_match});
  if (validation.accuracy) scalars.push_back({"valid/accuracy", *validation.accuracy});
  if (validation.entity_f1) scalars.push_back({"valid/entity_f1", *validation.entity_f1});
  if (validation.masked_bits_per_byte) scalars.push_back({"valid/masked_bits_per_byte", *validation.masked_bits_per_byte});
  if (validation.bits_per_byte) scalars.push_back({"valid/bits_per_byte", *validation.bits_per_byte});
  events.write(validation.step, scalars);
}

}  // namespace

TrainReporter::TrainReporter(const TrainOptions& options, const TrainCallbacks& callbacks, const OutputDirectory& output, int64_t last_step)
    : options_(options), callbacks_(callbacks), log_(output.log(), last_step) {
  if (options.tensorboard) events_.emplace(output.tensorboard(), last_step + 1);
}

void TrainReporter::step(TrainingState& state, const Update& update, const StepResult& result, double seconds, double elapsed,
                         double remaining) {
  window_seconds_ += seconds;
  window_speed_tokens_ += update.speed_tokens;
  TrainStep step;
  step.step = state.step;
  step.epoch = update.next.index == 0 ? update.next.epoch : update.next.epoch + 1;
  step.loss = result.loss;
  step.average_loss = state.window_loss / static_cast<double>(std::max<int64_t>(state.window_tokens, 1));
  step.learning_rate = result.learning_rate;
  step.gradient_norm = result.gradient_norm;
  step.tokens_per_second = static_cast<double>(window_speed_tokens_) / std::max(window_seconds_, 1e-9);
  step.elapsed_seconds = elapsed;
  step.remaining_seconds = remaining;
  step.logged = state.step % options_.log_every == 0;
  step.slowest_process = result.slowest_process;
  step.slowest_ratio = result.slowest_ratio;
  if (step.logged) {
    log_.write(step);
    if (events_) write_events(*events_, step);
    state.window_loss = 0;
    state.window_tokens = 0;
    window_seconds_ = 0;
    window_speed_tokens_ = 0;
  }
  if (callbacks_.on_step) callbacks_.on_step(step);
}

void TrainReporter::validation(int64_t step, const ValidationResult& result, bool best, double seconds) {
  const TrainValidation validation{.step = step,
                                   .loss = result.loss,
                                   .perplexity = std::exp(result.loss),
                                   .bleu = result.bleu,
                                   .exact_match = result.exact_match,
                                   .bits_per_byte = result.bits_per_byte,
                                   .masked_bits_per_byte = result.masked_bits_per_byte,
                                   .accuracy = result.accuracy,
                                   .entity_f1 = result.entity_f1,
                                   .best = best,
                                   .seconds = seconds};
  log_.write(validation);
  if (events_) write_events(*events_, validation);
  if (callbacks_.on_validation) callbacks_.on_validation(validation);
}

}  // namespace qkv
