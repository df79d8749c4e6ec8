#include "models/arch/bart_family.h"

#include "base/error.h"
#include "formats/json.h"
#include "models/json_numbers.h"
#include "nn/uniform_config.h"

namespace qkv {

void expect_plain_sinusoids(const ConfigReader& in) {
  in.expect("static_position_embeddings", true, "learned positions");
  in.expect("normalize_embedding", false, "a norm on the embeddings");
}

TransformerConfig with_learned_positions(const ConfigReader& in, UniformConfig config) {
  in.expect("static_position_embeddings", false, "sinusoidal positions");
  in.expect("normalize_embedding", true, "no norm on the embeddings");
  config.position = Position::learned;
  config.embedding_norm = true;
  TransformerConfig network = config;
  network.position_offset = 2;
  return network;
}

UniformConfig without_offset(TransformerConfig network) {
  network.position_offset = 0;
  return as_uniform(network);
}

UniformConfig read_family_config(const ConfigReader& in, const BartFamilyDefaults& defaults) {
  in.expect("is_encoder_decoder", true, "half a model");
  UniformConfig config;
  config.vocab_size = in.integer("vocab_size", defaults.vocab_size);
  config.hidden_size = in.integer("d_model", "hidden_size", 1024);
  config.encoder_layers = in.integer("encoder_layers", in.integer("num_hidden_layers", 12));  // the second is outdated in pruned models
  config.decoder_layers = in.integer("decoder_layers", 12);
  config.num_attention_heads = in.integer("encoder_attention_heads", "num_attention_heads", 16);
  config.num_key_value_heads = config.num_attention_heads;
  config.encoder_ffn_dim = in.integer("encoder_ffn_dim", 4096);
  config.decoder_ffn_dim = in.integer("decoder_ffn_dim", 4096);
  config.activation = in.activation("activation_function", defaults.activation);
  config.scale_embedding = in.boolean("scale_embedding", defaults.scale_embedding);
  config.max_position_embeddings = in.integer("max_position_embeddings", 1024);
  config.tie_word_embeddings = in.boolean("tie_word_embeddings", true);
  config.dropout = in.number("dropout", 0.1f);
  config.attention_dropout = in.number("attention_dropout", defaults.attention_dropout);
  config.activation_dropout = in.number("activation_dropout", 0);
  if (const int heads = in.integer("decoder_attention_heads", 16); heads != config.num_attention_heads) {
    fail(ErrorCode::unsupported,
         "{}: \"decoder_attention_heads\" is {}, \"encoder_attention_heads\" {}; only models with the same number are supported", in.file(),
         heads, config.num_attention_heads);
  }
  return config;
}

void write_family_config(const UniformConfig& config, nlohmann::ordered_json& out) {
  out["activation_dropout"] = shortest(config.activation_dropout);
  out["activation_function"] = activation_name(config.activation);
  out["attention_dropout"] = shortest(config.attention_dropout);
  out["d_model"] = config.hidden_size;
  out["decoder_attention_heads"] = config.num_attention_heads;
  out["decoder_ffn_dim"] = config.decoder_ffn_dim;
  out["decoder_layerdrop"] = 0.0;
  out["decoder_layers"] = config.decoder_layers;
  out["dropout"] = shortest(config.dropout);
  out["encoder_attention_heads"] = config.num_attention_heads;
  out["encoder_ffn_dim"] = config.encoder_ffn_dim;
  out["encoder_layerdrop"] = 0.0;
  out["encoder_layers"] = config.encoder_layers;
  out["is_encoder_decoder"] = true;
  out["max_position_embeddings"] = config.max_position_embeddings;
  out["num_hidden_layers"] = config.encoder_layers;
  out["scale_embedding"] = config.scale_embedding;
  out["tie_word_embeddings"] = config.tie_word_embeddings;
  out["use_cache"] = true;
  out["vocab_size"] = config.vocab_size;
}

std::vector<WeightName> family_weights() {
  return {
      {"model.shared", "embed_tokens"},
      {"model.encoder.embed_positions", "encoder.embed_positions"},
      {"model.decoder.embed_positions", "decoder.embed_positions"},
      {"model.encoder.layers.{}.self_attn_layer_norm", "encoder.layers.{}.self_attention_norm"},
      {"model.encoder.layers.{}.self_attn", "encoder.layers.{}.self_attention"},
      {"model.encoder.layers.{}.final_layer_norm", "encoder.layers.{}.feed_forward_norm"},
      {"model.encoder.layers.{}", "encoder.layers.{}.feed_forward"},
      {"model.decoder.layers.{}.self_attn_layer_norm", "decoder.layers.{}.self_attention_norm"},
      {"model.decoder.layers.{}.self_attn", "decoder.layers.{}.self_attention"},
      {"model.decoder.layers.{}.encoder_attn_layer_norm", "decoder.layers.{}.cross_attention_norm"},
      {"model.decoder.layers.{}.encoder_attn", "decoder.layers.{}.cross_attention"},
      {"model.decoder.layers.{}.final_layer_norm", "decoder.layers.{}.feed_forward_norm"},
      {"model.decoder.layers.{}", "decoder.layers.{}.feed_forward"},
      {"lm_head", "output"},
  };
}

std::vector<WeightName> family_weights_with_final_norms() {
  std::vector<WeightName> names = family_weights();
  names.push_back({"model.encoder.layer_norm", "encoder.final_norm"});
  names.push_back({"model.decoder.layer_norm", "decoder.final_norm"});
  return names;
}

std::vector<WeightCopy> family_copies() {
  return {{"lm_head.weight", "embed_tokens.weight"},
          {"model.encoder.embed_tokens.weight", "embed_tokens.weight"},
          {"model.decoder.embed_tokens.weight", "embed_tokens.weight"}};
}

}  // namespace qkv
