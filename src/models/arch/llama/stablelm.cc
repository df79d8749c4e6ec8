// StableLM (Bellagente et al. 2024, transformers' modeling_stablelm): Llama with LayerNorm, of which a part of each head
// turns; each head of q and k may have a norm with a weight of its own.

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/llama/llama_family.h"
#include "models/json_numbers.h"

namespace qkv {
namespace {

constexpr LlamaFamilyKeys kKeys{.epsilon = "layer_norm_eps", .partial_rope = true};

TransformerConfig read_config(const ConfigReader& in) {
  TransformerConfig network = read_llama_family_config(in, {.vocab_size = 50304,
                                                            .hidden_size = 2560,
                                                            .intermediate_size = 6912,
                                                            .num_key_value_heads = 32,
                                                            .max_position_embeddings = 4096,
                                                            .bos_token_id = 0,
                                                            .eos_token_id = 0,
                                                            .norm = {},
                                                            .rope = {.part = 0.25f},
                                                            .keys = kKeys});
  const bool bias = in.boolean("use_qkv_bias", false), qk_norm = in.boolean("qk_layernorm", false);
  for (LayerConfig& layer : network.decoder) {
    layer.order = in.boolean("use_parallel_residual", false) ? LayerOrder::parallel_shared : LayerOrder::sequential;
    layer.attention.q_bias = layer.attention.k_bias = layer.attention.v_bias = bias;
    layer.dropout = in.number("hidden_dropout", 0);
    if (!qk_norm) continue;
    layer.attention.qk_norm = NormConfig{NormKind::layer, layer.norm.epsilon, false};
    layer.attention.qk_norm_place = QkNormPlace::own_head;
  }
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const LayerConfig& layer = first_decoder_layer(network);
  write_llama_family_config(network, out, kKeys);
  out.erase("head_dim");
  out["hidden_dropout"] = shortest(layer.dropout);
  out["qk_layernorm"] = layer.attention.qk_norm.has_value();
  out["use_parallel_residual"] = layer.order == LayerOrder::parallel_shared;
  out["use_qkv_bias"] = layer.attention.q_bias;
}

}  // namespace

Architecture stablelm() {
  Architecture architecture = llama_family("StableLmForCausalLM", "stablelm", qk_norm_names("q_layernorm", "k_layernorm"));
  architecture.read_config = read_config;
  architecture.write_config = write_config;
  return architecture;
}

}  // namespace qkv
