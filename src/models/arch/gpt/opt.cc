// OPT (Zhang et al. 2022, transformers' modeling_opt): BART's decoder alone, with learned positions from 2 on and the norm before each
// sub-layer. OPT-350M has it behind the sub-layer, and embeddings of another size than its layers.

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/decoders.h"
#include "models/json_numbers.h"

namespace qkv {
namespace {

TransformerConfig read_config(const ConfigReader& in) {
  in.expect("_remove_final_layer_norm", false, "a decoder without its last norm");
  in.expect("layer_norm_elementwise_affine", true, "norms without weights");
  const int hidden_size = in.integer("hidden_size", 768), num_heads = in.integer("num_attention_heads", 12);
  const bool bias = in.boolean("enable_bias", true);
  LayerConfig layer;
  layer.attention = causal_attention(hidden_size, num_heads, num_heads, bias);
  layer.attention.dropout = in.number("attention_dropout", 0);
  layer.feed_forward = {
      .size = in.integer("ffn_dim", 3072), .activation = in.activation("activation_function", Activation::relu), .bias = bias};
  layer.norm_place = in.boolean("do_layer_norm_before", true) ? NormPlace::pre : NormPlace::post;
  layer.dropout = in.number("dropout", 0.1f);
  TransformerConfig network = decoder_of(layer, in.integer("num_hidden_layers", 12), in.integer("vocab_size", 50272), hidden_size);
  if (layer.norm_place == NormPlace::post) network.final_norm.reset();
  if (const int columns = in.integer("word_embed_proj_dim", hidden_size); columns != hidden_size) {
    if (columns < 1) fail(ErrorCode::bad_input, "{}: \"word_embed_proj_dim\" is {}", in.file(), columns);
    network.embedding_size = columns;
  }
  network.position_table = PositionTable::learned;
  network.position_offset = 2;
  network.max_position_embeddings = in.integer("max_position_embeddings", 2048);
  network.tie_word_embeddings = in.boolean("tie_word_embeddings", true);
  network.initializer_range = in.number("init_std", 0.02f);
  network.decoder_start_token_id = 2;
  network.eos_token_ids = {2};
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const LayerConfig& layer = first_decoder_layer(network);
  out["activation_function"] = activation_name(layer.feed_forward.activation);
  out["attention_dropout"] = shortest(layer.attention.dropout);
  out["do_layer_norm_before"] = layer.norm_place == NormPlace::pre;
  out["dropout"] = shortest(layer.dropout);
  out["enable_bias"] = layer.feed_forward.bias;
  out["ffn_dim"] = layer.feed_forward.size;
  out["hidden_size"] = network.hidden_size;
  out["init_std"] = shortest(network.initializer_range > 0 ? network.initializer_range : 0.02f);
  out["max_position_embeddings"] = network.max_position_embeddings;
  out["num_attention_heads"] = layer.attention.num_heads;
  out["num_hidden_layers"] = network.decoder.size();
  out["tie_word_embeddings"] = network.tie_word_embeddings;
  out["use_cache"] = true;
  out["vocab_size"] = network.vocab_size;
  out["word_embed_proj_dim"] = network.embedding_columns();
}

}  // namespace

Architecture opt() {
  return {.class_name = "OPTForCausalLM",
          .model_type = "opt",
          .read_config = read_config,
          .write_config = write_config,
          .base_prefix = "model.",
          .weights = {{"model.decoder.embed_tokens", "embed_tokens"},
                      {"model.decoder.embed_positions", "decoder.embed_positions"},
                      {"model.decoder.project_in", "decoder.embedding_projection"},
                      {"model.decoder.project_out", "decoder.output_projection"},
                      {"model.decoder.layers.{}.self_attn_layer_norm", "decoder.layers.{}.self_attention_norm"},
                      {"model.decoder.layers.{}.self_attn.q_proj", "decoder.layers.{}.self_attention.q_proj"},
                      {"model.decoder.layers.{}.self_attn.k_proj", "decoder.layers.{}.self_attention.k_proj"},
                      {"model.decoder.layers.{}.self_attn.v_proj", "decoder.layers.{}.self_attention.v_proj"},
                      {"model.decoder.layers.{}.self_attn.out_proj", "decoder.layers.{}.self_attention.out_proj"},
                      {"model.decoder.layers.{}.final_layer_norm", "decoder.layers.{}.feed_forward_norm"},
                      {"model.decoder.layers.{}.fc1", "decoder.layers.{}.feed_forward.fc1"},
                      {"model.decoder.layers.{}.fc2", "decoder.layers.{}.feed_forward.fc2"},
                      {"model.decoder.final_layer_norm", "decoder.final_norm"},
                      {"lm_head", "output"}},
          .copies = {{"lm_head.weight", "embed_tokens.weight"}}};
}

}  // namespace qkv
