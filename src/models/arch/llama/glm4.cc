// GLM-4 (GLM Team 2024, transformers' modeling_glm4): Llama with norms before and after each sub-layer, of which half of each head turns in
// pairs of neighbours.

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/llama/llama_family.h"

namespace qkv {
namespace {

constexpr LlamaFamilyKeys kKeys{.partial_rope = true};

TransformerConfig read_config(const ConfigReader& in) {
  TransformerConfig network = read_llama_family_config(in, {.vocab_size = 151552,
                                                            .num_layers = 40,
                                                            .intermediate_size = 13696,
                                                            .num_key_value_heads = 2,
                                                            .max_position_embeddings = 131072,
                                                            .head_dim = 128,
                                                            .bos_token_id = -1,
                                                            .eos_token_id = 151329,
                                                            .norm = {NormKind::rms, 1.5625e-7f, false},
                                                            .rope = {.part = 0.5f},
                                                            .keys = kKeys});
  const bool bias = in.boolean("attention_bias", true);
  network.eos_token_ids = {151329, 151336, 151338};
  for (LayerConfig& layer : network.decoder) {
    layer.norm_place = NormPlace::sandwich;
    layer.attention.q_bias = layer.attention.k_bias = layer.attention.v_bias = bias;
    layer.attention.rope->layout = RotaryPairs::neighbours;
  }
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const LayerConfig& layer = first_decoder_layer(network);
  write_llama_family_config(network, out, kKeys);
  out["attention_bias"] = layer.attention.q_bias;
}

}  // namespace

Architecture glm4() {
  const FusedPart gate{FusedPart::Of::gate_up, 0}, up{FusedPart::Of::gate_up, 1};
  Architecture architecture =
      llama_family("Glm4ForCausalLM", "glm4",
                   {{"model.layers.{}.post_self_attn_layernorm", "decoder.layers.{}.self_attention_output_norm"},
                    {"model.layers.{}.post_mlp_layernorm", "decoder.layers.{}.feed_forward_output_norm"},
                    {.theirs = "model.layers.{}.mlp.gate_up_proj", .ours = "decoder.layers.{}.feed_forward.gate", .part = gate},
                    {.theirs = "model.layers.{}.mlp.gate_up_proj", .ours = "decoder.layers.{}.feed_forward.fc1", .part = up}});
  architecture.read_config = read_config;
  architecture.write_config = write_config;
  return architecture;
}

}  // namespace qkv
