// Qwen3 (Yang et al. 2025, transformers' modeling_qwen3): Llama with a norm of each head of q and k, heads of 128 columns whatever the
// hidden size, and windows in later layers.
#include <nlohmann/json.hpp>

#include "models/arch/arch.h"
#include "models/arch/llama_family.h"
#include "models/layer_windows.h"

namespace qkv {
namespace {

TransformerConfig read_config(const ConfigReader& in) {
  in.expect("attention_bias", false, "biases in the attention");
  UniformConfig config = read_llama_family_config(in, {.vocab_size = 151936,
                                                       .intermediate_size = 22016,
                                                       .num_key_value_heads = 32,
                                                       .max_position_embeddings = 32768,
                                                       .head_dim = 128,
                                                       .bos_token_id = -1,
                                                       .eos_token_id = -1});
  config.qk_norm = true;
  TransformerConfig network = config;
  read_layer_windows(in, network, 4096, 28);
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  write_llama_family_config(as_uniform(without_windows(network)), out);
  write_layer_windows(network, out);
  out["attention_bias"] = false;
}

}  // namespace

Architecture qwen3() {
  Architecture architecture = llama_family();
  architecture.class_name = "Qwen3ForCausalLM";
  architecture.model_type = "qwen3";
  architecture.read_config = read_config;
  architecture.write_config = write_config;
  architecture.weights.push_back({"model.layers.{}.self_attn.q_norm", "decoder.layers.{}.self_attention.q_norm"});
  architecture.weights.push_back({"model.layers.{}.self_attn.k_norm", "decoder.layers.{}.self_attention.k_norm"});
  return architecture;
}

}  // namespace qkv
