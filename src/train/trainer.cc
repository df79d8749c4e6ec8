// train() checks all inputs before it writes anything, then runs the training.
#include "qkv/trainer.h"

#include <array>

#include "base/cancellation.h"
#include "base/error.h"
#include "base/files.h"
#include "base/option_error.h"
#include "base/parallel.h"
#include "base/timing.h"
#include "models/registry.h"
#include "train/options/config_text.h"
#include "train/options/options.h"
#include "train/options/precision.h"
#include "train/tasks/encoder_network.h"
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
void choose_precision(TrainOptions& options, const std::optional<std::filesystem::path>& checkpoint, const Report& report) {
  if (options.dtype != TrainPrecision::automatic) return;
  ChosenPrecision chosen = fastest_precision(current_isa());
  if (checkpoint) {
    const TrainingState before = parse_training_state(read_checkpoint_state(*checkpoint), *checkpoint / "state.json");
    const auto recorded = before.options.find("dtype");
    if (recorded != before.options.end())
      chosen = {recorded->second == "bf16" ? TrainPrecision::bf16 : TrainPrecision::f32, "as the checkpoint was made"};
  }
  options.dtype = chosen.precision;
  report(fmt::format("activations in {}: {}", chosen.precision == TrainPrecision::bf16 ? "bf16" : "f32", chosen.reason));
}

// Reads the state of a verified checkpoint and checks that the current options continue it.
TrainingState resume_state(const std::filesystem::path& checkpoint, const TrainingState& now, const TrainOptions& options,
                           const Report& report) {
  verify_checkpoint(checkpoint);
  TrainingState state = parse_training_state(read_checkpoint_state(checkpoint), checkpoint / "state.json");
  check_continues(state, now, options);
  if (state.isa != now.isa) {
    report(fmt::format("the checkpoint was made with {} instructions, this machine runs {}: the weights will differ in their last bits",
                       state.isa, now.isa));
  }
  state.isa = now.isa;
  state.options = now.options;  // some may be others from here on
  return state;
}

// Says which options are others than in the session before.
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
  } catch (const OptionError& error) {  // a path that is no UTF-8 trains all the same
    return report(fmt::format("{} is not written: {}", output.options().string(), error.what()));
  }
  write_file_atomically(output.options(), text);
}

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

TrainResult train(const TrainOptions& given, const TrainCallbacks& callbacks) {
  TrainOptions options = given;
  const Stopwatch watch;
  const Report report = [&](const std::string& message) {
    if (callbacks.on_message) callbacks.on_message(message);
  };
  check_train_options(options);
  if (options.threads) set_num_threads(static_cast<int>(options.threads));
  OutputDirectory output(options);
  std::optional<std::filesystem::path> checkpoint;
  if (options.resume && std::filesystem::exists(output.path())) {
    output.create();
    checkpoint = find_checkpoint(output.checkpoints());
  }
  choose_precision(options, checkpoint, report);
  TrainingState state;
  state.options = deciding_options(options);
  const std::unique_ptr<TrainingTask> task = make_task(options);
  state.inputs = task->inputs();
  if (!options.init.empty()) state.inputs["pretrained model"] = fmt::format("{:016x}", content_hash({options.init / "model.safetensors"}));
  state.isa = name_of(current_isa());

  if (checkpoint) {
    state = resume_state(*checkpoint, state, options, report);
    if (const auto end = still_finished(state, options)) {
      return result_of(state, *end, true, state.elapsed_seconds);
    }
    state.finished.clear();
    report(fmt::format("resuming from {}", checkpoint->string()));
    report_changes(output, options, report);
  } else if (options.resume) {
    report("there is no checkpoint to resume from; starting from the beginning");
  }

  const Tokenizer tokenizer = checkpoint ? Tokenizer::load(output.path()) : make_tokenizer(options, *task, report);
  const TransformerConfig config = make_config(options, *task, tokenizer);
  validate(config);
  throw_if_cancelled(options.cancellation);
  output.create();
  const TrainingData data = task->open(tokenizer, output.cache(), report);
  throw_if_cancelled(options.cancellation);
  if (!checkpoint) {
    output.clear();
    tokenizer.save(output.path());
  }
  keep_options(output, options, report);
  output.keep();

  std::unique_ptr<Model> model = create_model(config, static_cast<uint64_t>(options.seed));
  if (!task->labels().empty()) model->labels = task->labels();
  if (!options.init.empty() && !checkpoint) start_from_pretrained(*model, options);
  LocalExchange alone;
  TrainingRun run({options, callbacks, output, *data.batches, *data.validation, alone, watch}, std::move(model), std::move(state),
                  checkpoint);
  report(fmt::format("model: {} weights, {} layers, width {}, {} threads, {}", with_commas(run.weights()), layers_of(config),
                     config.hidden_size, num_threads(), name_of(current_isa())));
  const Architecture& architecture = architecture_for(config);
  report(architecture.model_type == "qkv"
             ? "no class of transformers holds this network: the directory's model_type is \"qkv\", which qkv opens"
             : fmt::format("transformers opens the directory as {}", architecture.class_name));
  TrainResult result = run.run();
  std::error_code ignored;
  std::filesystem::remove_all(output.cache(), ignored);  // recreated if training continues with a higher limit
  return result;
}

}  // namespace qkv
