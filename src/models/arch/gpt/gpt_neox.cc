// GPT-NeoX (Black et al. 2022, transformers' modeling_gpt_neox; Pythia): attention and feed-forward network read the layer's input, each
// through a norm of its own; a part of each head turns; W_Q, W_K and W_V of each head stand together.

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/llama/llama_family.h"
#include "models/json_numbers.h"

namespace qkv {
namespace {

constexpr LlamaFamilyKeys kKeys{.epsilon = "layer_norm_eps", .partial_rope = true};

TransformerConfig read_config(const ConfigReader& in) {
  TransformerConfig network =
      read_llama_family_config(in, {.vocab_size = 50432,
                                    .hidden_size = 6144,
                                    .num_layers = 44,
                                    .num_heads = 64,
                                    .intermediate_size = 24576,
                                    .max_position_embeddings = 2048,
                                    .bos_token_id = 0,
                                    .activation = Activation::gelu,
                                    .gated = false,
                                    .norm = {},
                                    .rope = {.theta = in.number("rotary_emb_base", 10000), .part = in.number("rotary_pct", 0.25f)},
                                    .keys = kKeys});
  const bool bias = in.boolean("attention_bias", true);
  network.dropout = in.number("hidden_dropout", 0);
  for (LayerConfig& layer : network.decoder) {
    layer.order = in.boolean("use_parallel_residual", true) ? LayerOrder::parallel : LayerOrder::sequential;
    set_attention_bias(layer.attention, bias);
    layer.feed_forward.bias = true;
    layer.dropout = network.dropout;
  }
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const LayerConfig& layer = first_decoder_layer(network);
  write_llama_family_config(network, out, kKeys);
  for (const char* key : {"head_dim", "num_key_value_heads"}) out.erase(key);
  out["attention_bias"] = layer.attention.q_bias;
  out["hidden_dropout"] = shortest(layer.dropout);
  out["rotary_emb_base"] = out["rope_theta"];
  out["rotary_pct"] = out["partial_rotary_factor"];
  out["use_parallel_residual"] = layer.order == LayerOrder::parallel;
}

WeightName part(int index, std::string_view ours) {
  return {.theirs = "gpt_neox.layers.{}.attention.query_key_value",
          .ours = ours,
          .part = {FusedPart::Of::qkv, index, FusedPart::Order::per_head}};
}

}  // namespace

Architecture gpt_neox() {
  return {.class_name = "GPTNeoXForCausalLM",
          .model_type = "gpt_neox",
          .read_config = read_config,
          .write_config = write_config,
          .base_prefix = "gpt_neox.",
          .weights = {{"gpt_neox.embed_in", "embed_tokens"},
                      {"gpt_neox.layers.{}.input_layernorm", "decoder.layers.{}.self_attention_norm"},
                      part(0, "decoder.layers.{}.self_attention.q_proj"),
                      part(1, "decoder.layers.{}.self_attention.k_proj"),
                      part(2, "decoder.layers.{}.self_attention.v_proj"),
                      {"gpt_neox.layers.{}.attention.dense", "decoder.layers.{}.self_attention.out_proj"},
                      {"gpt_neox.layers.{}.post_attention_layernorm", "decoder.layers.{}.feed_forward_norm"},
                      {"gpt_neox.layers.{}.mlp.dense_h_to_4h", "decoder.layers.{}.feed_forward.fc1"},
                      {"gpt_neox.layers.{}.mlp.dense_4h_to_h", "decoder.layers.{}.feed_forward.fc2"},
                      {"gpt_neox.final_layer_norm", "decoder.final_norm"},
                      {"embed_out", "output"}},
          .copies = {{"embed_out.weight", "embed_tokens.weight"}},
          .ignored = {"gpt_neox.layers.{}.attention.bias", "gpt_neox.layers.{}.attention.masked_bias",
                      "gpt_neox.layers.{}.attention.rotary_emb.inv_freq"}};
}

}  // namespace qkv
