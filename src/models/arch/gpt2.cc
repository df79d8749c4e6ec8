// GPT-2 (Radford et al. 2019, transformers' modeling_gpt2): decoder only, with learned positions and the norm before each sub-layer. W_Q,
// W_K and W_V share one tensor, and linear layers are stored as [in, out].
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "models/arch/arch.h"
#include "models/json_numbers.h"
#include "nn/uniform_config.h"

namespace qkv {
namespace {

TransformerConfig read_config(const ConfigReader& in) {
  in.expect("add_cross_attention", false, "a decoder with cross-attention");
  in.expect("scale_attn_weights", true, "scores that are not divided by sqrt(d_k)");
  in.expect("scale_attn_by_inverse_layer_idx", false, "scores that are divided by the layer's number");
  UniformConfig config;
  config.kind = Kind::decoder_only;
  config.encoder_layers = 0;
  config.vocab_size = in.integer("vocab_size", 50257);
  config.hidden_size = in.integer("n_embd", "hidden_size", 768);
  config.decoder_layers = in.integer("n_layer", "num_hidden_layers", 12);
  config.num_attention_heads = config.num_key_value_heads = in.integer("n_head", "num_attention_heads", 12);
  config.max_position_embeddings = in.integer("n_positions", "max_position_embeddings", 1024);
  if (config.hidden_size > (1 << 16)) fail(ErrorCode::bad_input, "{}: \"n_embd\" is {}", in.file(), config.hidden_size);
  config.encoder_ffn_dim = config.decoder_ffn_dim = in.integer("n_inner", 4 * config.hidden_size);
  config.activation = in.activation("activation_function", Activation::gelu_tanh);
  config.layer_norm_epsilon = in.number("layer_norm_epsilon", 1e-5f);
  config.initializer_range = in.number("initializer_range", 0.02f);
  config.norm_position = NormPlace::pre;
  config.position = Position::learned;
  config.scale_embedding = config.final_logits_bias = false;
  config.tie_word_embeddings = in.boolean("tie_word_embeddings", true);
  config.decoder_start_token_id = 50256;
  config.eos_token_ids = {config.decoder_start_token_id};
  config.dropout = in.number("resid_pdrop", 0.1f);
  config.attention_dropout = in.number("attn_pdrop", 0.1f);
  TransformerConfig network = config;
  network.dropout = in.number("embd_pdrop", 0.1f);
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  TransformerConfig same_dropout = network;
  if (!network.decoder.empty()) same_dropout.dropout = network.decoder.front().dropout;
  const UniformConfig config = as_uniform(same_dropout);
  out["activation_function"] = activation_name(config.activation);
  out["attn_pdrop"] = shortest(config.attention_dropout);
  out["embd_pdrop"] = shortest(network.dropout);
  out["initializer_range"] = shortest(config.initializer_range > 0 ? config.initializer_range : 0.02f);
  out["layer_norm_epsilon"] = shortest(config.layer_norm_epsilon);
  out["n_embd"] = config.hidden_size;
  out["n_head"] = config.num_attention_heads;
  out["n_inner"] = config.decoder_ffn_dim;
  out["n_layer"] = config.decoder_layers;
  out["n_positions"] = config.max_position_embeddings;
  out["resid_pdrop"] = shortest(config.dropout);
  out["scale_attn_weights"] = true;
  out["tie_word_embeddings"] = config.tie_word_embeddings;
  out["use_cache"] = true;
  out["vocab_size"] = config.vocab_size;
}

}  // namespace

Architecture gpt2() {
  return {.class_name = "GPT2LMHeadModel",
          .model_type = "gpt2",
          .read_config = read_config,
          .write_config = write_config,
          .base_prefix = "transformer.",
          .weights = {{"transformer.wte", "embed_tokens"},
                      {"transformer.wpe", "decoder.embed_positions"},
                      {"transformer.h.{}.ln_1", "decoder.layers.{}.self_attention_norm"},
                      {"transformer.h.{}.attn.c_attn", "decoder.layers.{}.self_attention.q_proj", true, {FusedPart::Of::qkv, 0}},
                      {"transformer.h.{}.attn.c_attn", "decoder.layers.{}.self_attention.k_proj", true, {FusedPart::Of::qkv, 1}},
                      {"transformer.h.{}.attn.c_attn", "decoder.layers.{}.self_attention.v_proj", true, {FusedPart::Of::qkv, 2}},
                      {"transformer.h.{}.attn.c_proj", "decoder.layers.{}.self_attention.out_proj", true},
                      {"transformer.h.{}.ln_2", "decoder.layers.{}.feed_forward_norm"},
                      {"transformer.h.{}.mlp.c_fc", "decoder.layers.{}.feed_forward.fc1", true},
                      {"transformer.h.{}.mlp.c_proj", "decoder.layers.{}.feed_forward.fc2", true},
                      {"transformer.ln_f", "decoder.final_norm"},
                      {"lm_head", "output"}},
          .copies = {{"lm_head.weight", "embed_tokens.weight"}},
          .ignored = {"transformer.h.{}.attn.bias", "transformer.h.{}.attn.masked_bias"}};
}

}  // namespace qkv
