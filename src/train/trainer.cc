// train() checks all inputs before it writes anything, then runs the training.
#include "qkv/trainer.h"
#include "base/number_text.h"

#include <array>
#include <cstdlib>
#include <set>

#include "base/cancellation.h"
#include "base/files.h"
#include "base/option_error.h"
#include "base/parallel.h"
#include "base/timing.h"
#include "models/model_directory.h"
#include "models/registry.h"
#include "processes/process_group.h"
#include "tensor/host_values.h"
#include "train/minutes_plan.h"
#include "train/options/config_text.h"
#include "train/options/options.h"
#include "train/options/precision.h"
#include "train/process_agreement.h"
#include "train/speed.h"
#include "train/tasks/pretrained_network.h"
#include "train/tasks/training_task.h"
#include "train/training_network.h"
#include "train/training_run.h"

namespace qkv {
namespace {

constexpr std::array kEnds = {TrainEnd::max_steps, TrainEnd::max_epochs, TrainEnd::max_minutes, TrainEnd::patience};

// Returns the end of an earlier session if its limit still applies, so that nothing is left to do.
std::optional<TrainEnd> still_finished(const TrainingState& state, const TrainOptions& options) {
  for (const TrainEnd end : kEnds) {
    if (state.finished != name_of(end)) continue;
    const double limit = limit_of(options, end);
    if (limit > 0 && limit <= state.finished_limit) return end;
  }
  return std::nullopt;
}

// Replaces `automatic` by a type and reports the reason.
void choose_precision(TrainOptions& options, const std::optional<TrainingState>& before, const Report& report) {
  if (options.dtype != TrainPrecision::automatic) return;
  ChosenPrecision chosen = fastest_precision(current_isa());
  if (before) {
    const auto recorded = before->options.find("dtype");
    if (recorded != before->options.end())
      chosen = {recorded->second == "bf16" ? TrainPrecision::bf16 : TrainPrecision::f32, "as the checkpoint was made"};
  }
  options.dtype = chosen.precision;
  report(fmt::format("activations in {}: {}", chosen.precision == TrainPrecision::bf16 ? "bf16" : "f32", chosen.reason));
}

// A schedule that followed the time cannot continue after its end, where the learning rate is zero.
void check_schedule_goes_on(const TrainingState& state) {
  if (state.planned_steps == 0 || state.step < state.planned_steps) return;
  fail_option(ErrorCode::invalid_argument,
              "the schedule of this training ended with update {}, as its `max_minutes` asked for; more time needs another one: start anew "
              "with `overwrite`",
              state.planned_steps);
}

// Checks that the current options continue a checkpoint's state, and returns it with them.
TrainingState resume_state(TrainingState state, const TrainingState& now, const TrainOptions& options, const Report& report) {
  check_continues(state, now, options);
  if (state.isa != now.isa) {
    report(fmt::format("the checkpoint was made with {} instructions, this machine runs {}: the weights will differ in their last bits",
                       state.isa, now.isa));
  }
  state.isa = now.isa;
  state.options = now.options;  // some may change when training continues
  return state;
}

// Reports the options that differ from those of the previous session.
void report_changes(const OutputDirectory& output, const TrainOptions& options, const Report& report) {
  if (!std::filesystem::exists(output.options())) return;
  try {
    const OptionSetting file{"config", output.options().string(), "config"};
    const TrainOptions before = resolve_train_options(std::span(&file, 1));
    for (const std::string& change : changed_options(before, kept_options(options))) report("from here on " + change);
  } catch (const Error& error) {
    report(fmt::format("what changes cannot be told: {}", error.what()));
  }
}

void keep_options(const OutputDirectory& output, const TrainOptions& options, const Report& report) {
  std::string text;
  try {
    text = config_text(kept_options(options));
  } catch (const OptionError& error) {  // a path that is not UTF-8 does not prevent training
    return report(fmt::format("{} is not written: {}", output.options().string(), error.what()));
  }
  write_file_atomically(output.options(), text);
}

const TrainOptions& checked(const TrainOptions& options) {
  check_train_options(options);
  return options;
}

// The first process alone reports.
TrainCallbacks callbacks_of_process(const TrainCallbacks& callbacks, const ProcessGroup& group) {
  return group.first() ? callbacks : TrainCallbacks{.should_stop = callbacks.should_stop};
}

// One call of train(): what comes before the first update, in its order.
class Session {
 public:
  Session(const TrainOptions& given, const TrainCallbacks& callbacks, ProcessGroup& group)
      : options_(checked(given)),
        callbacks_(callbacks_of_process(callbacks, group)),
        group_(group),
        output_(options_, group.first() ? OutputAccess::write : OutputAccess::read),
        report_([this](const std::string& message) {
          if (callbacks_.on_message) callbacks_.on_message(message);
        }) {}

  TrainResult run() {
    if (options_.threads) {
      set_num_threads(static_cast<int>(options_.threads));
    } else if (group_.threads() && !std::getenv("QKV_THREADS")) {
      set_num_threads(group_.threads());
    }
    try {
      if (const auto end = prepare()) return result_of(state_, *end, true, state_.elapsed_seconds);
    } catch (const EndedElsewhere&) {
      throw;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::interrupted) throw;
      fail(ErrorCode::interrupted, "stopped before the first update; {}",
           checkpoint_ ? fmt::format("{} is still the last checkpoint", checkpoint_->string()) : "nothing was written");
    }
    activity("making the model");
    std::unique_ptr<Model> model = make_model();
    const Architecture& architecture = architecture_for(config_, model->model_type);
    if (!options_.init.empty() && !checkpoint_) start_from_pretrained(*model, options_);
    share_initial_weights(*model);
    TrainingRun run({options_, callbacks_, output_, *data_.batches, *data_.validation, *exchange_, watch_}, std::move(model),
                    std::move(state_), checkpoint_);
    describe_model(run.weights(), architecture);
    const TrainResult result = run.run();
    if (!group_.first()) return result;
    if (task_->keeps_texts()) {
      report_(fmt::format("what came through a pipe is kept in {}, so that the training can go on with a higher limit",
                          output_.shown(output_.cache())));
    } else {
      std::error_code ignored;
      std::filesystem::remove_all(output_.cache(), ignored);  // recreated if training continues with a higher limit
    }
    return result;
  }

 private:
  void activity(std::string_view what) const {
    if (callbacks_.on_activity) callbacks_.on_activity(what);
  }

  // Runs body() in the first process, then in the others, which find what it wrote.
  template <typename Body>
  void in_turn(Body&& body) {
    if (group_.first()) body();
    group_.wait_for_all();
    if (!group_.first()) body();
    group_.wait_for_all();
  }

  // Reads and checks everything; nothing of an earlier training is replaced before all of it is known to be right. Returns why there is
  // nothing to do.
  std::optional<TrainEnd> prepare() {
    check_shared_texts(options_, group_);
    find_earlier();
    choose_precision(options_, before_, report_);
    choose_slices(options_, before_, group_);
    exchange_.emplace(group_, static_cast<int>(options_.slices), activation_type(options_.exchange_dtype));
    const bool planned = follows_minutes(options_) && !before_;
    if (before_) adopt_plan(options_, before_->options, before_->planned_steps > 0);
    in_turn([&] { read_inputs(); });
    check_agreement(group_, state_, checkpoint_ ? read_file(*checkpoint_ / "checksums.json") : "");
    if (const auto end = continue_earlier()) return end;
    in_turn([&] {
      tokenizer_ = find_tokenizer();
      config_ = make_config(options_, *task_, *tokenizer_);
      validate(config_);
      throw_if_cancelled(options_.cancellation);
      output_.create();
      if (group_.first() && group_.size() > 1) tokenizer_->save(output_.cache());
      if (!planned) data_ = open_data(report_);
    });
    if (planned) plan();
    throw_if_cancelled(options_.cancellation);
    if (group_.first()) {
      if (!checkpoint_) {
        output_.clear();
        tokenizer_->save(output_.path());
        for (const auto& [name, text] : task_->files()) write_file_atomically(output_.path() / name, text);
      }
      keep_options(output_, options_, report_);
    }
    output_.keep();
    return std::nullopt;
  }

  // Finds the checkpoint to go on from.
  void find_earlier() {
    if (group_.first() && options_.resume && std::filesystem::exists(output_.path())) {
      output_.create();
      checkpoint_ = find_checkpoint(output_.checkpoints());
      if (checkpoint_) {
        activity("reading the checkpoint");
        verify_checkpoint(*checkpoint_);
      }
    }
    const std::string found = group_.broadcast(checkpoint_ ? checkpoint_->string() : "");
    if (found.empty()) return;
    checkpoint_ = found;
    before_ = parse_training_state(read_checkpoint_state(*checkpoint_), *checkpoint_ / "state.json");
  }

  // Opens the texts and describes what decides the weights.
  void read_inputs() {
    activity("reading the training data");
    task_ = make_task(options_, {.directory =
                                     [this] {
                                       output_.create();
                                       return output_.cache();
                                     },
                                 .reuse_kept = checkpoint_.has_value(),
                                 .cancellation = options_.cancellation});
    state_.options = deciding_options(options_);
    state_.inputs = task_->inputs();
    if (!options_.init.empty()) {
      state_.inputs["pretrained model"] = fmt::format("{:016x}", hash_of_pretrained(options_));
    }
    state_.isa = name_of(current_isa());
  }

  // The state becomes that of the checkpoint where there is one. Returns why there is nothing to do.
  std::optional<TrainEnd> continue_earlier() {
    if (before_) {
      state_ = resume_state(*before_, state_, options_, report_);
      if (const auto end = still_finished(state_, options_)) return end;
      check_schedule_goes_on(state_);
      state_.finished.clear();
      report_(fmt::format("resuming from {}", output_.shown(*checkpoint_)));
      report_changes(output_, options_, report_);
    } else if (options_.resume) {
      report_("there is no checkpoint to resume from; starting from the beginning");
    }
    return std::nullopt;
  }

  Tokenizer find_tokenizer() const {
    if (checkpoint_) return Tokenizer::load(output_.path());
    if (group_.first()) return make_tokenizer(options_, *task_, report_, tokenizer_progress());
    return Tokenizer::load(output_.cache());
  }

  Progress tokenizer_progress() const {
    activity("training the tokenizer");
    return [this](std::string_view words) { activity(fmt::format("training the tokenizer: {}", words)); };
  }

  TrainingData open_data(const Report& report) const {
    activity("tokenizing the training data");
    return task_->open(*tokenizer_, output_.cache(), report);
  }

  std::unique_ptr<Model> make_model() const {
    std::unique_ptr<Model> model = create_model(config_, static_cast<uint64_t>(options_.seed));
    if (!task_->labels().empty()) model->labels = task_->labels();
    if (!options_.init.empty()) {
      const ModelDirectory pretrained(options_.init);
      model->model_type = pretrained.architecture().model_type;
      if (config_.has_decoder()) model->generation = pretrained.generation();
    }
    if (data_.longest_target > 0) model->generation.max_length = length_limit(data_.longest_target, config_);
    return model;
  }

  // Weights that are made with another C library may differ in their last bits, so all processes take those of the first.
  void share_initial_weights(const Model& model) {
    if (checkpoint_ || group_.size() == 1) return;
    for (const Parameter& parameter : model.parameters.all()) {
      write_on_host<float>(parameter.value, Before::values, [&](float* values) {
        group_.broadcast(std::as_writable_bytes(std::span(values, static_cast<size_t>(parameter.value.numel()))));
      });
    }
  }

  // Measures the speed, and decides by it what follows from the time.
  void plan() {
    const std::vector<int64_t> sizes = batch_choices(options_);
    const TrainOptions asked = options_;
    PlanBasis basis;
    for (const int64_t size : sizes) {
      options_.batch_tokens = size;
      TrainingData data;
      in_turn([&] { data = open_data(size == sizes.front() ? report_ : [](const std::string&) {}); });
      const PlanBasis found = measure(data);
      if (size != sizes.front() && updates_that_fit(asked, found) < kEnoughUpdates) break;
      data_ = std::move(data);
      basis = found;
      basis.batch_tokens = size;
      if (updates_that_fit(asked, found) < kEnoughUpdates) break;
    }
    options_.batch_tokens = asked.batch_tokens;
    basis.seconds = seconds_left();
    for (const std::string& line : apply_plan(options_, basis)) report_(line);
    report_(fmt::format("the same weights without measuring: {}", options_of_plan(options_)));
    config_ = make_config(options_, *task_, *tokenizer_);
    state_.options = deciding_options(options_);
    state_.planned_steps = options_.schedule_steps;
  }

  PlanBasis measure(const TrainingData& data) {
    constexpr double kShare = 0.02, kLongest = 10;  // of the time, and in seconds
    activity("measuring the speed");
    const UpdateTime time = measure_update(options_, output_, create_model(config_, static_cast<uint64_t>(options_.seed)), *data.batches,
                                           *exchange_, std::min(kShare * 60 * options_.max_minutes, kLongest));
    return {.seconds_per_update = time.seconds,
            .seconds = seconds_left(),
            .updates_per_epoch = (data.batches->size() + options_.accumulate - 1) / options_.accumulate,
            .validation_share = data.validation_share};
  }

  double seconds_left() { return group_.broadcast(60 * options_.max_minutes - watch_.seconds()); }

  void describe_model(int64_t weights, const Architecture& architecture) const {
    report_(fmt::format("model: {} weights, {} layers, width {}, {} threads, {}", with_commas(weights), layers_of(config_),
                        config_.hidden_size, num_threads(), name_of(current_isa())));
    if (group_.size() > 1) {
      std::set<std::string> hosts;
      for (int rank = 0; rank < group_.size(); ++rank) hosts.insert(group_.host(rank));
      report_(fmt::format("{} processes on {} host{} share the {} slices of each update", group_.size(), hosts.size(),
                          hosts.size() == 1 ? "" : "s", options_.slices));
    }
    report_(architecture.model_type == "qkv"
                ? "no class of transformers holds this network: the directory's model_type is \"qkv\", which qkv opens"
                : fmt::format("transformers opens the directory as {}", architecture.class_name));
  }

  TrainOptions options_;
  const TrainCallbacks callbacks_;
  ProcessGroup& group_;
  Stopwatch watch_;
  OutputDirectory output_;
  Report report_;
  std::optional<GradientExchange> exchange_;
  std::optional<std::filesystem::path> checkpoint_;  // to go on from
  std::optional<TrainingState> before_;              // as it is in the checkpoint
  TrainingState state_;
  std::unique_ptr<TrainingTask> task_;
  std::optional<Tokenizer> tokenizer_;
  TransformerConfig config_;
  TrainingData data_;
};

}  // namespace

const char* name_of(TrainEnd end) {
  switch (end) {
    case TrainEnd::max_steps: return "max-steps";
    case TrainEnd::max_epochs: return "max-epochs";
    case TrainEnd::max_minutes: return "max-minutes";
    case TrainEnd::patience: return "patience";
  }
  return "";
}

TrainResult train(const TrainOptions& options, const TrainCallbacks& callbacks) {
  ProcessGroup& group = process_group();
  if (group.size() == 1) return Session(options, callbacks, group).run();
  const auto leave = [&](const Error& error) {
    if (!group.leave(error)) throw EndedElsewhere(error.code(), error.what());
    if (!group.first()) throw Error(error.code(), fmt::format("{}: {}", group.name(group.rank()), error.what()));
  };
  try {
    const TrainResult result = Session(options, callbacks, group).run();
    group.wait_for_all();
    return result;
  } catch (const Error& error) {
    leave(error);
    throw;
  } catch (const std::exception& error) {
    leave(Error(ErrorCode::io, error.what()));
    throw;
  }
}

}  // namespace qkv
