// T5 (Raffel et al. 2020, transformers' modeling_t5; v1.1, FLAN-T5, MADLAD), mT5 (Xue et al. 2021) and umT5 (Chung et al. 2023): RMSNorm
// before each sub-layer, no biases, learned biases of distances, scores that are not divided by sqrt(d_k).
#include <cmath>

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/json_numbers.h"
#include "nn/uniform_config.h"

namespace qkv {
namespace {

constexpr int kAnyLength = 1 << 24;  // no table of positions limits a sequence

struct T5Defaults {
  int vocab_size, d_ff, num_layers, num_heads;
  std::string_view feed_forward_proj;
};
constexpr T5Defaults kT5{32128, 2048, 6, 8, "relu"}, kMultilingual{250112, 1024, 8, 6, "gated-gelu"};

// "gated-gelu" is the tanh form, "gelu" the exact one.
void read_feed_forward(const ConfigReader& in, const T5Defaults& defaults, UniformConfig& config) {
  constexpr std::string_view kKey = "feed_forward_proj", kGated = "gated-";
  const std::string text = in.has(kKey) ? in.text(kKey) : std::string(defaults.feed_forward_proj);
  config.gated_ffn = text.starts_with(kGated);
  const std::string name = config.gated_ffn ? text.substr(kGated.size()) : text;
  config.activation = in.activation_named(config.gated_ffn && name == "gelu" ? "gelu_new" : name, kKey);
}

std::string feed_forward_proj(const UniformConfig& config) {
  if (!config.gated_ffn) return std::string(activation_name(config.activation));
  if (config.activation == Activation::gelu_tanh) return "gated-gelu";
  return "gated-" + std::string(config.activation == Activation::gelu ? "gelu_python" : activation_name(config.activation));
}

UniformConfig read_uniform(const ConfigReader& in, const T5Defaults& defaults) {
  in.expect("is_encoder_decoder", true, "half a model");
  UniformConfig config;
  config.vocab_size = in.integer("vocab_size", defaults.vocab_size);
  config.hidden_size = in.integer("d_model", "hidden_size", 512);
  config.encoder_layers = in.integer("num_layers", "num_hidden_layers", defaults.num_layers);
  config.decoder_layers = in.integer("num_decoder_layers", config.encoder_layers);
  config.num_attention_heads = config.num_key_value_heads = in.integer("num_heads", "num_attention_heads", defaults.num_heads);
  config.head_dim = in.integer("d_kv", "head_dim", 64);
  if (config.head_dim < 1) fail(ErrorCode::bad_input, "{}: \"d_kv\" is {}", in.file(), config.head_dim);
  config.encoder_ffn_dim = config.decoder_ffn_dim = in.integer("d_ff", defaults.d_ff);
  read_feed_forward(in, defaults, config);
  config.norm = NormKind::rms;
  config.norm_position = NormPlace::pre;
  config.layer_norm_epsilon = in.number("layer_norm_epsilon", 1e-6f);
  config.linear_bias = config.scale_embedding = config.final_logits_bias = false;
  config.position = Position::t5;
  config.relative_buckets.count = in.integer("relative_attention_num_buckets", 32);
  config.relative_buckets.max_distance = in.integer("relative_attention_max_distance", 128);
  config.max_position_embeddings = kAnyLength;
  config.dropout = config.attention_dropout = config.activation_dropout = in.number("dropout_rate", 0.1f);
  config.eos_token_ids = {1};
  return config;
}

TransformerConfig read_config(const ConfigReader& in, const T5Defaults& defaults, DistanceBias bias) {
  TransformerConfig network = read_uniform(in, defaults);
  for (const Side side : {Side::encoder, Side::decoder}) {
    for (LayerConfig& layer : network.stack(side)) {
      layer.attention.scale = 1;
      layer.attention.distance_bias = bias;
      if (layer.cross_attention) layer.cross_attention->scale = 1;
    }
  }
  return network;
}

// Without a key of its own, "tie_word_embeddings" tells T5 from T5 v1.1, which does not scale.
float read_output_scale(const ConfigReader& in, const TransformerConfig& network) {
  const bool tied = in.boolean("tie_word_embeddings", true);
  const bool scales = in.given("scale_decoder_outputs") ? in.boolean("scale_decoder_outputs", false) : tied;
  return scales ? 1 / std::sqrt(static_cast<float>(network.hidden_size)) : 1;
}

TransformerConfig read_t5(const ConfigReader& in) {
  TransformerConfig network = read_config(in, kT5, DistanceBias::t5);
  network.output_scale = read_output_scale(in, network);
  return network;
}

// transformers never scales mT5's output.
TransformerConfig read_mt5(const ConfigReader& in) {
  in.boolean("tie_word_embeddings", true);
  return read_config(in, kMultilingual, DistanceBias::t5);
}

TransformerConfig read_umt5(const ConfigReader& in) {
  TransformerConfig network = read_config(in, kMultilingual, DistanceBias::t5_per_layer);
  network.output_scale = read_output_scale(in, network);
  return network;
}

// The network with the attention of a uniform one: T5's peculiarities have no keys.
UniformConfig without_peculiarities(TransformerConfig network) {
  for (const Side side : {Side::encoder, Side::decoder}) {
    for (LayerConfig& layer : network.stack(side)) {
      layer.attention.scale = 0;
      layer.attention.distance_bias = DistanceBias::t5;
      if (layer.cross_attention) layer.cross_attention->scale = 0;
    }
  }
  network.output_scale = 1;
  return as_uniform(network);
}

void write_mt5(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const UniformConfig config = without_peculiarities(network);
  out["d_ff"] = config.decoder_ffn_dim;
  out["d_kv"] = config.head_size();
  out["d_model"] = config.hidden_size;
  out["dropout_rate"] = shortest(config.dropout);
  out["feed_forward_proj"] = feed_forward_proj(config);
  out["is_encoder_decoder"] = true;
  out["layer_norm_epsilon"] = shortest(config.layer_norm_epsilon);
  out["num_decoder_layers"] = config.decoder_layers;
  out["num_heads"] = config.num_attention_heads;
  out["num_layers"] = config.encoder_layers;
  out["relative_attention_max_distance"] = config.relative_buckets.max_distance;
  out["relative_attention_num_buckets"] = config.relative_buckets.count;
  out["tie_word_embeddings"] = config.tie_word_embeddings;
  out["use_cache"] = true;
  out["vocab_size"] = config.vocab_size;
}

void write_t5(const TransformerConfig& network, nlohmann::ordered_json& out) {
  write_mt5(network, out);
  out["scale_decoder_outputs"] = network.output_scale != 1;
}

bool is_gated(const LayerConfig& layer) { return layer.feed_forward.gated; }

std::vector<WeightName> weights() {
  return {{"shared", "embed_tokens"},
          {"encoder.block.0.layer.0.SelfAttention.relative_attention_bias", "encoder.relative_attention_bias"},
          {"encoder.block.{}.layer.0.SelfAttention.relative_attention_bias", "encoder.layers.{}.relative_attention_bias"},
          {"encoder.block.{}.layer.0.layer_norm", "encoder.layers.{}.self_attention_norm"},
          {"encoder.block.{}.layer.0.SelfAttention.q", "encoder.layers.{}.self_attention.q_proj"},
          {"encoder.block.{}.layer.0.SelfAttention.k", "encoder.layers.{}.self_attention.k_proj"},
          {"encoder.block.{}.layer.0.SelfAttention.v", "encoder.layers.{}.self_attention.v_proj"},
          {"encoder.block.{}.layer.0.SelfAttention.o", "encoder.layers.{}.self_attention.out_proj"},
          {"encoder.block.{}.layer.1.layer_norm", "encoder.layers.{}.feed_forward_norm"},
          {"encoder.block.{}.layer.1.DenseReluDense.wi_0", "encoder.layers.{}.feed_forward.gate"},
          {.theirs = "encoder.block.{}.layer.1.DenseReluDense.wi_1", .ours = "encoder.layers.{}.feed_forward.fc1", .when = is_gated},
          {"encoder.block.{}.layer.1.DenseReluDense.wi", "encoder.layers.{}.feed_forward.fc1"},
          {"encoder.block.{}.layer.1.DenseReluDense.wo", "encoder.layers.{}.feed_forward.fc2"},
          {"encoder.final_layer_norm", "encoder.final_norm"},
          {"decoder.block.0.layer.0.SelfAttention.relative_attention_bias", "decoder.relative_attention_bias"},
          {"decoder.block.{}.layer.0.SelfAttention.relative_attention_bias", "decoder.layers.{}.relative_attention_bias"},
          {"decoder.block.{}.layer.0.layer_norm", "decoder.layers.{}.self_attention_norm"},
          {"decoder.block.{}.layer.0.SelfAttention.q", "decoder.layers.{}.self_attention.q_proj"},
          {"decoder.block.{}.layer.0.SelfAttention.k", "decoder.layers.{}.self_attention.k_proj"},
          {"decoder.block.{}.layer.0.SelfAttention.v", "decoder.layers.{}.self_attention.v_proj"},
          {"decoder.block.{}.layer.0.SelfAttention.o", "decoder.layers.{}.self_attention.out_proj"},
          {"decoder.block.{}.layer.1.layer_norm", "decoder.layers.{}.cross_attention_norm"},
          {"decoder.block.{}.layer.1.EncDecAttention.q", "decoder.layers.{}.cross_attention.q_proj"},
          {"decoder.block.{}.layer.1.EncDecAttention.k", "decoder.layers.{}.cross_attention.k_proj"},
          {"decoder.block.{}.layer.1.EncDecAttention.v", "decoder.layers.{}.cross_attention.v_proj"},
          {"decoder.block.{}.layer.1.EncDecAttention.o", "decoder.layers.{}.cross_attention.out_proj"},
          {"decoder.block.{}.layer.2.layer_norm", "decoder.layers.{}.feed_forward_norm"},
          {"decoder.block.{}.layer.2.DenseReluDense.wi_0", "decoder.layers.{}.feed_forward.gate"},
          {.theirs = "decoder.block.{}.layer.2.DenseReluDense.wi_1", .ours = "decoder.layers.{}.feed_forward.fc1", .when = is_gated},
          {"decoder.block.{}.layer.2.DenseReluDense.wi", "decoder.layers.{}.feed_forward.fc1"},
          {"decoder.block.{}.layer.2.DenseReluDense.wo", "decoder.layers.{}.feed_forward.fc2"},
          {"decoder.final_layer_norm", "decoder.final_norm"},
          {"lm_head", "output"}};
}

Architecture family() {
  return {.weights = weights(),
          .copies = {{"lm_head.weight", "embed_tokens.weight"},
                     {"encoder.embed_tokens.weight", "embed_tokens.weight"},
                     {"decoder.embed_tokens.weight", "embed_tokens.weight"}},
          .ignored = {"decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"},
          .tied_by_weights = true};
}

}  // namespace

Architecture t5() {
  Architecture architecture = family();
  architecture.class_name = "T5ForConditionalGeneration";
  architecture.model_type = "t5";
  architecture.read_config = read_t5;
  architecture.write_config = write_t5;
  return architecture;
}

Architecture mt5() {
  Architecture architecture = family();
  architecture.class_name = "MT5ForConditionalGeneration";
  architecture.model_type = "mt5";
  architecture.read_config = read_mt5;
  architecture.write_config = write_mt5;
  return architecture;
}

Architecture umt5() {
  Architecture architecture = family();
  architecture.class_name = "UMT5ForConditionalGeneration";
  architecture.model_type = "umt5";
  architecture.read_config = read_umt5;
  architecture.write_config = write_t5;
  return architecture;
}

}  // namespace qkv
