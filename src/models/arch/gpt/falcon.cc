// Falcon (Almazrouei et al. 2023, transformers' modeling_falcon): attention and feed-forward network read the layer's input, through one
// norm (7B) or one each (40B); queries stand with the keys and values that they share.

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/decoders.h"
#include "models/json_numbers.h"
#include "models/rope_config.h"

namespace qkv {
namespace {

LayerOrder read_order(const ConfigReader& in, bool grouped) {
  const bool parallel = in.boolean("parallel_attn", true);
  const int norms = in.integer("num_ln_in_parallel_attn", grouped ? 2 : 1);
  if (!parallel && !grouped) return LayerOrder::sequential;
  if (!parallel || norms < 1 || norms > (grouped ? 2 : 1)) {
    fail(ErrorCode::unsupported,
         "{}: \"new_decoder_architecture\" is {}, \"parallel_attn\" {}, \"num_ln_in_parallel_attn\" {}; there are no such models",
         in.file(), grouped, parallel, norms);
  }
  return norms == 2 ? LayerOrder::parallel : LayerOrder::parallel_shared;
}

TransformerConfig read_config(const ConfigReader& in) {
  in.expect("alibi", false, "biases of distances that are rounded to bfloat16");
  const bool grouped = in.boolean("new_decoder_architecture", false), bias = in.boolean("bias", false);
  const int hidden_size = in.integer("hidden_size", 4544), num_heads = in.integer("num_attention_heads", 71);
  const int num_key_value_heads = grouped ? in.integer("num_kv_heads", num_heads) : in.boolean("multi_query", true) ? 1 : num_heads;
  LayerConfig layer;
  layer.attention = causal_attention(hidden_size, num_heads, num_key_value_heads, bias);
  layer.attention.dropout = in.number("attention_dropout", 0);
  if (hidden_size > (1 << 16)) fail(ErrorCode::bad_input, "{}: \"hidden_size\" is {}", in.file(), hidden_size);
  layer.feed_forward = {
      .size = in.integer("ffn_hidden_size", 4 * hidden_size), .activation = in.activation("activation", Activation::gelu), .bias = bias};
  layer.norm_place = NormPlace::pre;
  layer.order = read_order(in, grouped);
  layer.norm.epsilon = in.number("layer_norm_epsilon", 1e-5f);
  layer.dropout = in.number("hidden_dropout", 0);
  const int max_positions = in.integer("max_position_embeddings", 2048);
  layer.attention.rope = read_rope(in, {.max_position_embeddings = max_positions});
  layer.attention.rope->rotary_dim = layer.attention.head_dim;
  TransformerConfig network = decoder_of(layer, in.integer("num_hidden_layers", 32), in.integer("vocab_size", 65024), hidden_size);
  network.max_position_embeddings = max_positions;
  network.tie_word_embeddings = in.boolean("tie_word_embeddings", true);
  network.initializer_range = in.number("initializer_range", 0.02f);
  network.decoder_start_token_id = 11;
  network.eos_token_ids = {11};
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const LayerConfig& layer = first_decoder_layer(network);
  const AttentionConfig& attention = layer.attention;
  const bool one = attention.num_key_value_heads == 1;
  const bool grouped = layer.order == LayerOrder::parallel || (!one && attention.num_key_value_heads != attention.num_heads);
  out["activation"] = activation_name(layer.feed_forward.activation);
  out["alibi"] = false;
  out["attention_dropout"] = shortest(attention.dropout);
  out["bias"] = layer.feed_forward.bias;
  out["ffn_hidden_size"] = layer.feed_forward.size;
  out["hidden_dropout"] = shortest(layer.dropout);
  out["hidden_size"] = network.hidden_size;
  out["initializer_range"] = shortest(network.initializer_range > 0 ? network.initializer_range : 0.02f);
  out["layer_norm_epsilon"] = shortest(layer.norm.epsilon);
  out["max_position_embeddings"] = network.max_position_embeddings;
  out["multi_query"] = one;
  out["new_decoder_architecture"] = grouped;
  out["num_attention_heads"] = attention.num_heads;
  out["num_hidden_layers"] = network.decoder.size();
  out["num_kv_heads"] = grouped ? attention.num_key_value_heads : attention.num_heads;
  if (grouped) out["num_ln_in_parallel_attn"] = layer.order == LayerOrder::parallel ? 2 : 1;
  out["parallel_attn"] = layer.order != LayerOrder::sequential;
  if (attention.rope) write_rope(*attention.rope, out);
  out["tie_word_embeddings"] = network.tie_word_embeddings;
  out["use_cache"] = true;
  out["vocab_size"] = network.vocab_size;
}

// The queries that share a key and a value stand before them: all of them, those of a group, or one.
WeightName part(int index, std::string_view ours) {
  return {.theirs = "transformer.h.{}.self_attention.query_key_value",
          .ours = ours,
          .part = {FusedPart::Of::qkv, index, FusedPart::Order::per_group}};
}

bool has_two_norms(const LayerConfig& layer) { return layer.order == LayerOrder::parallel; }

}  // namespace

Architecture falcon() {
  return {.class_name = "FalconForCausalLM",
          .model_type = "falcon",
          .read_config = read_config,
          .write_config = write_config,
          .base_prefix = "transformer.",
          .weights = {{"transformer.word_embeddings", "embed_tokens"},
                      {.theirs = "transformer.h.{}.ln_attn", .ours = "decoder.layers.{}.self_attention_norm", .when = has_two_norms},
                      {"transformer.h.{}.input_layernorm", "decoder.layers.{}.self_attention_norm"},
                      part(0, "decoder.layers.{}.self_attention.q_proj"),
                      part(1, "decoder.layers.{}.self_attention.k_proj"),
                      part(2, "decoder.layers.{}.self_attention.v_proj"),
                      {"transformer.h.{}.self_attention.dense", "decoder.layers.{}.self_attention.out_proj"},
                      {.theirs = "transformer.h.{}.ln_mlp", .ours = "decoder.layers.{}.feed_forward_norm", .when = has_two_norms},
                      {"transformer.h.{}.post_attention_layernorm", "decoder.layers.{}.feed_forward_norm"},
                      {"transformer.h.{}.mlp.dense_h_to_4h", "decoder.layers.{}.feed_forward.fc1"},
                      {"transformer.h.{}.mlp.dense_4h_to_h", "decoder.layers.{}.feed_forward.fc2"},
                      {"transformer.ln_f", "decoder.final_norm"},
                      {"lm_head", "output"}},
          .copies = {{"lm_head.weight", "embed_tokens.weight"}},
          .ignored = {"transformer.h.{}.self_attention.rotary_emb.inv_freq"}};
}

}  // namespace qkv
