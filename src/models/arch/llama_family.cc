#include "models/arch/llama_family.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "models/json_numbers.h"
#include "models/rope_config.h"
#include "nn/uniform_config.h"

namespace qkv {

UniformConfig read_llama_family_config(const ConfigReader& in, const LlamaFamilyDefaults& defaults) {
  UniformConfig config;
  config.kind = Kind::decoder_only;
  config.encoder_layers = 0;
  config.vocab_size = in.integer("vocab_size", defaults.vocab_size);
  config.hidden_size = in.integer("hidden_size", 4096);
  config.decoder_layers = in.integer("num_hidden_layers", 32);
  config.num_attention_heads = in.integer("num_attention_heads", 32);
  const bool own_default = !in.given("num_key_value_heads") && defaults.num_key_value_heads > 0;  // null: as many as query heads
  config.num_key_value_heads = own_default ? defaults.num_key_value_heads : in.integer("num_key_value_heads", config.num_attention_heads);
  config.encoder_ffn_dim = config.decoder_ffn_dim = in.integer("intermediate_size", defaults.intermediate_size);
  config.activation = in.activation("hidden_act", Activation::silu);
  config.gated_ffn = true;
  config.norm = NormKind::rms;
  config.norm_position = NormPlace::pre;
  config.layer_norm_epsilon = in.number("rms_norm_eps", 1e-6f);
  config.linear_bias = config.scale_embedding = config.final_logits_bias = false;
  config.tie_word_embeddings = in.boolean("tie_word_embeddings", false);
  config.max_position_embeddings = in.integer("max_position_embeddings", defaults.max_position_embeddings);
  config.initializer_range = in.number("initializer_range", 0.02f);
  config.dropout = 0;
  config.attention_dropout = in.number("attention_dropout", 0);
  config.decoder_start_token_id = defaults.bos_token_id;
  if (defaults.eos_token_id >= 0) config.eos_token_ids = {defaults.eos_token_id};
  config.position = Position::rope;
  config.rope = read_rope(in, config.max_position_embeddings);
  config.head_dim = in.integer("head_dim", defaults.head_dim);
  if (in.has("head_dim") && config.head_dim < 1) fail(ErrorCode::bad_input, "{}: \"head_dim\" is {}", in.file(), config.head_dim);
  return config;
}

void write_llama_family_config(const UniformConfig& config, nlohmann::ordered_json& out) {
  out["attention_dropout"] = shortest(config.attention_dropout);
  out["head_dim"] = config.head_size();
  out["hidden_act"] = activation_name(config.activation);
  out["hidden_size"] = config.hidden_size;
  out["initializer_range"] = shortest(config.initializer_range > 0 ? config.initializer_range : 0.02f);
  out["intermediate_size"] = config.decoder_ffn_dim;
  out["max_position_embeddings"] = config.max_position_embeddings;
  out["num_attention_heads"] = config.num_attention_heads;
  out["num_hidden_layers"] = config.decoder_layers;
  out["num_key_value_heads"] = config.num_key_value_heads;
  out["rms_norm_eps"] = shortest(config.layer_norm_epsilon);
  write_rope(config.rope, out);
  out["tie_word_embeddings"] = config.tie_word_embeddings;
  out["use_cache"] = true;
  out["vocab_size"] = config.vocab_size;
}

namespace {

std::vector<WeightName> weights() {
  return {{"model.embed_tokens", "embed_tokens"},
          {"model.layers.{}.input_layernorm", "decoder.layers.{}.self_attention_norm"},
          {"model.layers.{}.self_attn.q_proj", "decoder.layers.{}.self_attention.q_proj"},
          {"model.layers.{}.self_attn.k_proj", "decoder.layers.{}.self_attention.k_proj"},
          {"model.layers.{}.self_attn.v_proj", "decoder.layers.{}.self_attention.v_proj"},
          {"model.layers.{}.self_attn.o_proj", "decoder.layers.{}.self_attention.out_proj"},
          {"model.layers.{}.post_attention_layernorm", "decoder.layers.{}.feed_forward_norm"},
          {"model.layers.{}.mlp.gate_proj", "decoder.layers.{}.feed_forward.gate"},
          {"model.layers.{}.mlp.up_proj", "decoder.layers.{}.feed_forward.fc1"},
          {"model.layers.{}.mlp.down_proj", "decoder.layers.{}.feed_forward.fc2"},
          {"model.norm", "decoder.final_norm"},
          {"lm_head", "output"}};
}

}  // namespace

Architecture llama_family() {
  return {.base_prefix = "model.",
          .weights = weights(),
          .copies = {{"lm_head.weight", "embed_tokens.weight"}},
          .ignored = {"model.layers.{}.self_attn.rotary_emb.inv_freq", "model.rotary_emb.inv_freq"}};
}

}  // namespace qkv
