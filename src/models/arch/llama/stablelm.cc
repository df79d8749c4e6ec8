// StableLM (Bellagente et al. 2024, transformers' modeling_stablelm): Llama with LayerNorm, of which a part of each head turns.

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/llama/llama_family.h"
#include "models/json_numbers.h"

namespace qkv {
namespace {

constexpr LlamaFamilyKeys kKeys{.epsilon = "layer_norm_eps", .partial_rope = true};

TransformerConfig read_config(const ConfigReader& in) {
  in.expect("qk_layernorm", false, "a norm with weights of its own for each head of q and k");
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
  const bool bias = in.boolean("use_qkv_bias", false);
  for (LayerConfig& layer : network.decoder) {
    layer.order = in.boolean("use_parallel_residual", false) ? LayerOrder::parallel_shared : LayerOrder::sequential;
    layer.attention.q_bias = layer.attention.k_bias = layer.attention.v_bias = bias;
    layer.dropout = in.number("hidden_dropout", 0);
  }
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const LayerConfig& layer = first_decoder_layer(network);
  write_llama_family_config(network, out, kKeys);
  out.erase("head_dim");
  out["hidden_dropout"] = shortest(layer.dropout);
  out["qk_layernorm"] = false;
  out["use_parallel_residual"] = layer.order == LayerOrder::parallel_shared;
  out["use_qkv_bias"] = layer.attention.q_bias;
}

}  // namespace

Architecture stablelm() {
  Architecture architecture = llama_family("StableLmForCausalLM", "stablelm");
  architecture.read_config = read_config;
  architecture.write_config = write_config;
  return architecture;
}

}  // namespace qkv
