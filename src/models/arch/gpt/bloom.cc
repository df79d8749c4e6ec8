// BLOOM (BigScience 2022, transformers' modeling_bloom): ALiBi, a norm of the embeddings, W_Q, W_K and W_V of each head together.

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/decoders.h"
#include "models/json_numbers.h"

namespace qkv {
namespace {

constexpr int kAnyLength = 1 << 24;  // no table of positions limits a sequence

TransformerConfig read_config(const ConfigReader& in) {
  in.expect("apply_residual_connection_post_layernorm", false, "residual connections behind the norms");
  if (in.integer("pretraining_tp", 1) > 1) in.expect("slow_but_exact", false, "linear layers in slices, without their biases");
  const int hidden_size = in.integer("n_embed", "hidden_size", 64), num_heads = in.integer("n_head", "num_attention_heads", 8);
  if (hidden_size > (1 << 16)) fail(ErrorCode::bad_input, "{}: \"hidden_size\" is {}", in.file(), hidden_size);
  LayerConfig layer;
  layer.attention = causal_attention(hidden_size, num_heads, num_heads, true);
  layer.attention.distance_bias = DistanceBias::alibi;
  layer.attention.dropout = in.number("attention_dropout", 0);
  layer.feed_forward = {.size = 4 * hidden_size, .activation = Activation::gelu_tanh};
  layer.norm_place = NormPlace::pre;
  layer.norm.epsilon = in.number("layer_norm_epsilon", 1e-5f);
  layer.dropout = in.number("hidden_dropout", 0);
  TransformerConfig network =
      decoder_of(layer, in.integer("n_layer", "num_hidden_layers", 2), in.integer("vocab_size", 250880), hidden_size);
  network.embedding_norm = layer.norm;
  network.max_position_embeddings = in.integer("seq_length", kAnyLength);
  network.tie_word_embeddings = in.boolean("tie_word_embeddings", true);
  network.initializer_range = in.number("initializer_range", 0.02f);
  network.decoder_start_token_id = 1;
  network.eos_token_ids = {2};
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const LayerConfig& layer = first_decoder_layer(network);
  out["apply_residual_connection_post_layernorm"] = false;
  out["attention_dropout"] = shortest(layer.attention.dropout);
  out["hidden_dropout"] = shortest(layer.dropout);
  out["hidden_size"] = network.hidden_size;
  out["initializer_range"] = shortest(network.initializer_range > 0 ? network.initializer_range : 0.02f);
  out["layer_norm_epsilon"] = shortest(layer.norm.epsilon);
  out["n_head"] = layer.attention.num_heads;
  out["n_layer"] = network.decoder.size();
  if (network.max_position_embeddings != kAnyLength) out["seq_length"] = network.max_position_embeddings;
  out["tie_word_embeddings"] = network.tie_word_embeddings;
  out["use_cache"] = true;
  out["vocab_size"] = network.vocab_size;
}

WeightName part(int index, std::string_view ours) {
  return {.theirs = "transformer.h.{}.self_attention.query_key_value",
          .ours = ours,
          .part = {FusedPart::Of::qkv, index, FusedPart::Order::per_head}};
}

}  // namespace

Architecture bloom() {
  return {.class_name = "BloomForCausalLM",
          .model_type = "bloom",
          .read_config = read_config,
          .write_config = write_config,
          .base_prefix = "transformer.",
          .weights = {{"transformer.word_embeddings", "embed_tokens"},
                      {"transformer.word_embeddings_layernorm", "decoder.embedding_norm"},
                      {"transformer.h.{}.input_layernorm", "decoder.layers.{}.self_attention_norm"},
                      part(0, "decoder.layers.{}.self_attention.q_proj"),
                      part(1, "decoder.layers.{}.self_attention.k_proj"),
                      part(2, "decoder.layers.{}.self_attention.v_proj"),
                      {"transformer.h.{}.self_attention.dense", "decoder.layers.{}.self_attention.out_proj"},
                      {"transformer.h.{}.post_attention_layernorm", "decoder.layers.{}.feed_forward_norm"},
                      {"transformer.h.{}.mlp.dense_h_to_4h", "decoder.layers.{}.feed_forward.fc1"},
                      {"transformer.h.{}.mlp.dense_4h_to_h", "decoder.layers.{}.feed_forward.fc2"},
                      {"transformer.ln_f", "decoder.final_norm"},
                      {"lm_head", "output"}},
          .copies = {{"lm_head.weight", "embed_tokens.weight"}}};
}

}  // namespace qkv
