#include "train/training_network.h"

#include <algorithm>

#include <fmt/format.h>

#include "train/tasks/pretrained_network.h"

namespace qkv {
namespace {

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

}  // namespace

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

std::string layers_of(const TransformerConfig& config) {
  if (config.kind == Kind::encoder_decoder) return fmt::format("{}+{}", config.encoder.size(), config.decoder.size());
  return std::to_string(config.encoder.size() + config.decoder.size());
}

// A translation is seldom longer than what the network has learnt to write, though texts to translate may be longer than those of the
// training: half as much again, ten tokens at least, and the decoder start. What is longer has begun to repeat itself.
int length_limit(int64_t longest_target, const TransformerConfig& config) {
  const int64_t limit = 1 + longest_target + std::max<int64_t>(longest_target / 2, 10);
  return static_cast<int>(std::min<int64_t>(limit, config.max_position_embeddings));
}

}  // namespace qkv
