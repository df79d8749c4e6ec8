// train() checks all inputs before it writes anything, then runs the training.
#include "qkv/trainer.h"

#include <array>

#include "base/cancellation.h"
#include "base/files.h"
#include "base/option_error.h"
#include "base/parallel.h"
#include "base/timing.h"
#include "models/model_directory.h"
#include "models/registry.h"
#include "train/minutes_plan.h"
#include "train/options/config_text.h"
#include "train/options/options.h"
#include "train/options/precision.h"
#include "train/speed.h"
#include "train/tasks/pretrained_network.h"
#include "train/tasks/training_task.h"
#include "train/training_run.h"

namespace qkv {
namespace {

constexpr std::array kEnds = {TrainEnd::max_steps, TrainEnd::max_epochs, TrainEnd::max_minutes, TrainEnd::patience};

Activation to_activation(FeedForwardActivation activation) {
  switch (activation) {
    case FeedForwardActivation::gelu:
    case FeedForwardActivation::geglu: return Activation::gelu;
    case FeedForwardActivation::gelu_tanh: return Activation::gelu_tanh;
    case FeedForwardActivation::silu:
    case FeedForwardActivation::swiglu: return Activation::silu;
    case FeedForwardActivation::relu: break;
  }
  return Activation::relu;
}

Position to_position(PositionKind position) {
  switch (position) {
    case PositionKind::learned: return Position::learned;
    case PositionKind::rope: return Position::rope;
    case PositionKind::alibi: return Position::alibi;
    case PositionKind::t5: return Position::t5;
    case PositionKind::none: return Position::none;
    case PositionKind::sinusoidal: break;
  }
  return Position::sinusoidal;
}

UniformConfig model_config(const TrainOptions& o, int32_t vocab_size, const SpecialTokens& special) {
  const auto number = [](auto value) { return static_cast<int>(value); };
  UniformConfig config;
  config.vocab_size = vocab_size;
  config.hidden_size = number(o.hidden_size);
  config.encoder_layers = number(o.encoder_layers);
  config.decoder_layers = number(o.decoder_layers);
  config.num_attention_heads = number(o.num_attention_heads);
  config.num_key_value_heads = number(o.num_key_value_heads > 0 ? o.num_key_value_heads : o.num_attention_heads);
  config.encoder_ffn_dim = config.decoder_ffn_dim = number(o.ffn_dim);
  config.activation = to_activation(o.activation);
  config.gated_ffn = o.activation == FeedForwardActivation::swiglu || o.activation == FeedForwardActivation::geglu;
  config.norm_position = o.norm_position == NormPlacement::pre ? NormPlace::pre : NormPlace::post;
  config.norm = o.norm == NormFormula::rms ? NormKind::rms : NormKind::layer;
  config.linear_bias = o.linear_bias == Biases::yes || (o.linear_bias == Biases::automatic && o.norm == NormFormula::layer);
  config.position = to_position(o.position);
  config.sliding_window = number(o.window);
  config.tie_word_embeddings = o.tie_word_embeddings;
  config.initializer_range = static_cast<float>(o.initializer_range);
  // A learned table is only as long as the training sequences. The other position schemes have no table, so that more positions are free.
  config.max_position_embeddings = o.position == PositionKind::learned ? number(o.max_length) : std::max(512, number(o.max_length));
  config.dropout = static_cast<float>(o.dropout);
  config.attention_dropout = static_cast<float>(o.attention_dropout);
  config.activation_dropout = static_cast<float>(o.activation_dropout);
  config.pad_token_id = special.pad;
  if (special.eos >= 0) config.eos_token_ids = {special.eos};
  config.decoder_start_token_id = special.decoder_start;
  return config;
}

TransformerConfig make_config(const TrainOptions& options, const TrainingTask& task, const Tokenizer& tokenizer) {
  if (!options.init.empty()) {
    TransformerConfig config = pretrained_config(options, tokenizer.vocab_size());
    task.adapt(config);
    return config;
  }
  UniformConfig config = model_config(options, tokenizer.vocab_size(), task.special_tokens(tokenizer));
  task.shape(config);
  return config;
}

// "3+3" for encoder and decoder layers, or the number of layers if there is only one stack.
std::string layers_of(const TransformerConfig& config) {
  if (config.kind == Kind::encoder_decoder) return fmt::format("{}+{}", config.encoder.size(), config.decoder.size());
  return std::to_string(config.encoder.size() + config.decoder.size());
}

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

// A translation is seldom longer than what the network has learnt to write, though texts to translate may be longer than those of the
// training: half as much again, ten tokens at least, and the decoder start. What is longer has begun to repeat itself.
int length_limit(int64_t longest_target, const TransformerConfig& config) {
  const int64_t limit = 1 + longest_target + std::max<int64_t>(longest_target / 2, 10);
  return static_cast<int>(std::min<int64_t>(limit, config.max_position_embeddings));
}

const TrainOptions& checked(const TrainOptions& options) {
  check_train_options(options);
  return options;
}

// One call of train(): what comes before the first update, in its order.
class Session {
 public:
  Session(const TrainOptions& given, const TrainCallbacks& callbacks)
      : options_(checked(given)), callbacks_(callbacks), output_(options_), report_([this](const std::string& message) {
          if (callbacks_.on_message) callbacks_.on_message(message);
        }) {}

  TrainResult run() {
    if (options_.threads) set_num_threads(static_cast<int>(options_.threads));
    try {
      if (const auto end = prepare()) return result_of(state_, *end, true, state_.elapsed_seconds);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::interrupted) throw;
      fail(ErrorCode::interrupted, "stopped before the first update; {}",
           checkpoint_ ? fmt::format("{} is still the last checkpoint", checkpoint_->string()) : "nothing was written");
    }
    activity("making the model");
    std::unique_ptr<Model> model = make_model();
    const Architecture& architecture = architecture_for(config_, model->model_type);
    if (!options_.init.empty() && !checkpoint_) start_from_pretrained(*model, options_);
    TrainingRun run({options_, callbacks_, output_, *data_.batches, *data_.validation, alone_, watch_}, std::move(model), std::move(state_),
                    checkpoint_);
    describe_model(run.weights(), architecture);
    const TrainResult result = run.run();
    if (task_->keeps_texts()) {
      report_(fmt::format("what came through a pipe is kept in {}, so that the training can go on with a higher limit",
                          output_.cache().string()));
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

  // Reads and checks everything; nothing of an earlier training is replaced before all of it is known to be right. Returns why there is
  // nothing to do.
  std::optional<TrainEnd> prepare() {
    if (options_.resume && std::filesystem::exists(output_.path())) {
      output_.create();
      checkpoint_ = find_checkpoint(output_.checkpoints());
    }
    if (checkpoint_) {
      activity("reading the checkpoint");
      verify_checkpoint(*checkpoint_);
      before_ = parse_training_state(read_checkpoint_state(*checkpoint_), *checkpoint_ / "state.json");
    }
    choose_precision(options_, before_, report_);
    const bool planned = follows_minutes(options_) && !before_;
    if (before_) adopt_plan(options_, before_->options, before_->planned_steps > 0);
    if (const auto end = read_inputs()) return end;
    tokenizer_ = checkpoint_ ? Tokenizer::load(output_.path()) : make_tokenizer(options_, *task_, report_, tokenizer_progress());
    config_ = make_config(options_, *task_, *tokenizer_);
    validate(config_);
    throw_if_cancelled(options_.cancellation);
    output_.create();
    if (planned) {
      plan();
    } else {
      data_ = open_data(report_);
    }
    throw_if_cancelled(options_.cancellation);
    if (!checkpoint_) {
      output_.clear();
      tokenizer_->save(output_.path());
    }
    keep_options(output_, options_, report_);
    output_.keep();
    return std::nullopt;
  }

  // The state of what is trained on; that of the checkpoint where there is one.
  std::optional<TrainEnd> read_inputs() {
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
    if (before_) {
      state_ = resume_state(*before_, state_, options_, report_);
      if (const auto end = still_finished(state_, options_)) return end;
      check_schedule_goes_on(state_);
      state_.finished.clear();
      report_(fmt::format("resuming from {}", checkpoint_->string()));
      report_changes(output_, options_, report_);
    } else if (options_.resume) {
      report_("there is no checkpoint to resume from; starting from the beginning");
    }
    return std::nullopt;
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

  // Measures the speed, and decides by it what follows from the time.
  void plan() {
    const std::vector<int64_t> sizes = batch_choices(options_);
    const TrainOptions asked = options_;
    PlanBasis basis;
    for (const int64_t size : sizes) {
      options_.batch_tokens = size;
      TrainingData data = open_data(size == sizes.front() ? report_ : [](const std::string&) {});
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
                                           alone_, std::min(kShare * 60 * options_.max_minutes, kLongest));
    return {.seconds_per_update = time.seconds,
            .seconds = seconds_left(),
            .updates_per_epoch = (data.batches->size() + options_.accumulate - 1) / options_.accumulate,
            .validation_share = data.validation_share};
  }

  double seconds_left() const { return 60 * options_.max_minutes - watch_.seconds(); }

  void describe_model(int64_t weights, const Architecture& architecture) const {
    report_(fmt::format("model: {} weights, {} layers, width {}, {} threads, {}", with_commas(weights), layers_of(config_),
                        config_.hidden_size, num_threads(), name_of(current_isa())));
    report_(architecture.model_type == "qkv"
                ? "no class of transformers holds this network: the directory's model_type is \"qkv\", which qkv opens"
                : fmt::format("transformers opens the directory as {}", architecture.class_name));
  }

  TrainOptions options_;
  const TrainCallbacks& callbacks_;
  Stopwatch watch_;
  OutputDirectory output_;
  Report report_;
  LocalExchange alone_;
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

TrainResult train(const TrainOptions& options, const TrainCallbacks& callbacks) { return Session(options, callbacks).run(); }

}  // namespace qkv
