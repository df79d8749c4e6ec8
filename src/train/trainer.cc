// train(): checks everything before it writes anything, then runs.
#include "qkv/trainer.h"

#include <array>
#include <chrono>

#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "train/options.h"
#include "train/training_data.h"
#include "train/training_run.h"

namespace qkv {
namespace {

constexpr std::array kEnds = {TrainEnd::max_steps, TrainEnd::max_epochs, TrainEnd::max_minutes, TrainEnd::patience};

Activation to_activation(FeedForwardActivation activation) {
  switch (activation) {
    case FeedForwardActivation::gelu: return Activation::gelu;
    case FeedForwardActivation::gelu_tanh: return Activation::gelu_tanh;
    case FeedForwardActivation::silu: return Activation::silu;
    default: return Activation::relu;
  }
}

TransformerConfig model_config(const TrainOptions& options, const Tokenizer& tokenizer) {
  const SpecialTokens special = special_tokens(tokenizer);
  TransformerConfig config;
  config.vocab_size = tokenizer.vocab_size();
  config.hidden_size = static_cast<int>(options.hidden_size);
  config.encoder_layers = static_cast<int>(options.encoder_layers);
  config.decoder_layers = static_cast<int>(options.decoder_layers);
  config.num_attention_heads = config.num_key_value_heads = static_cast<int>(options.num_attention_heads);
  config.encoder_ffn_dim = config.decoder_ffn_dim = static_cast<int>(options.ffn_dim);
  config.activation = to_activation(options.activation);
  config.norm_position = options.norm_position == NormPlacement::pre ? NormPosition::pre : NormPosition::post;
  config.max_position_embeddings = std::max(512, static_cast<int>(options.max_length));  // sinusoids cost nothing
  config.dropout = static_cast<float>(options.dropout);
  config.attention_dropout = static_cast<float>(options.attention_dropout);
  config.activation_dropout = static_cast<float>(options.activation_dropout);
  config.pad_token_id = config.decoder_start_token_id = special.pad;
  config.eos_token_id = special.eos;
  return config;
}

// The limit that ended an earlier session still stands: there is nothing left to do.
std::optional<TrainEnd> still_finished(const TrainingState& state, const TrainOptions& options) {
  for (const TrainEnd end : kEnds) {
    if (state.finished != name_of(end)) continue;
    const double limit = limit_of(options, end);
    if (limit > 0 && limit <= state.finished_limit) return end;
  }
  return std::nullopt;
}

// Verified and comparable with what is asked for now.
TrainingState resume_state(const std::filesystem::path& checkpoint, const TrainingState& now, const Report& report) {
  verify_checkpoint(checkpoint);
  TrainingState state = parse_training_state(read_checkpoint_state(checkpoint), checkpoint / "state.json");
  check_continues(state, now);
  if (state.isa != now.isa) {
    report(fmt::format("the checkpoint was made with {} instructions, this machine runs {}: the weights will differ in their last bits",
                       state.isa, now.isa));
  }
  state.isa = now.isa;
  return state;
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

TrainResult train(const TrainOptions& options, const TrainCallbacks& callbacks) {
  const auto start = std::chrono::steady_clock::now();
  const Report report = [&](const std::string& message) {
    if (callbacks.on_message) callbacks.on_message(message);
  };
  check_train_options(options);
  if (options.threads) set_num_threads(static_cast<int>(options.threads));
  OutputDirectory output(options);
  TrainingState state;
  state.options = deciding_options(options);
  state.inputs = check_texts(options);
  state.isa = name_of(current_isa());

  std::optional<std::filesystem::path> checkpoint;
  if (options.resume && std::filesystem::exists(output.path())) {
    output.create();
    checkpoint = find_checkpoint(output.checkpoints());
  }
  if (checkpoint) {
    state = resume_state(*checkpoint, state, report);
    if (const auto end = still_finished(state, options)) {
      return {state.step, *end, true, state.best_bleu, state.best_step, state.elapsed_seconds};
    }
    state.finished.clear();
    report(fmt::format("resuming from {}", checkpoint->string()));
  } else if (options.resume) {
    report("there is no checkpoint to resume from; starting from the beginning");
  }

  const Tokenizer tokenizer = checkpoint ? Tokenizer::load(output.path()) : make_tokenizer(options, report);
  const TransformerConfig config = model_config(options, tokenizer);
  validate(config);
  throw_if_interrupted();
  output.create();
  const ParallelCorpus corpus = build_corpus(options, false, output.cache() / "train.tokens", tokenizer, report);
  const ParallelCorpus valid_corpus = build_corpus(options, true, output.cache() / "valid.tokens", tokenizer, report);
  throw_if_interrupted();
  if (!checkpoint) {
    output.clear();
    tokenizer.save(output.path());
  }
  output.keep();

  const Validation validation(valid_corpus, read_lines(options.valid_source), read_lines(options.valid_target),
                              {.dtype = options.dtype == TrainPrecision::bf16 ? DType::bf16 : DType::f32,
                               .num_beams = static_cast<int>(options.valid_beam_size),
                               .batch_tokens = options.batch_tokens});
  TrainingRun run({options, callbacks, output, tokenizer, corpus, validation, start}, config, std::move(state), checkpoint);
  report(fmt::format("model: {} weights, {}+{} layers, width {}, {} threads, {}", with_commas(run.weights()), options.encoder_layers,
                     options.decoder_layers, options.hidden_size, num_threads(), name_of(current_isa())));
  TrainResult result = run.run();
  std::error_code ignored;
  std::filesystem::remove_all(output.cache(), ignored);  // made again where training goes on with a higher limit
  return result;
}

}  // namespace qkv
