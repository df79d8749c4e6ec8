// Qwen2 and Qwen3 (Yang et al. 2024 and 2025, transformers' modeling_qwen2 and modeling_qwen3): Llama with windows in later layers. Qwen2
// has biases of W_Q, W_K and W_V; Qwen3 has a norm of each head of q and k, and heads of 128 columns independent of the hidden size.
#include <nlohmann/json.hpp>

#include "models/arch/arch.h"
#include "models/arch/llama_family.h"
#include "models/layer_windows.h"

namespace qkv {
namespace {

// Defaults shared by both classes; head_dim 0: hidden_size / num_attention_heads.
LlamaFamilyDefaults defaults(int head_dim) {
  return {.vocab_size = 151936,
          .intermediate_size = 22016,
          .num_key_value_heads = 32,
          .max_position_embeddings = 32768,
          .head_dim = head_dim,
          .bos_token_id = -1,
          .eos_token_id = -1};
}

TransformerConfig with_windows(const ConfigReader& in, TransformerConfig network) {
  read_layer_windows(in, network, 4096, 28);
  return network;
}

TransformerConfig read_qwen2(const ConfigReader& in) {
  UniformConfig config = read_llama_family_config(in, defaults(0));
  config.qkv_bias = true;
  return with_windows(in, config);
}

TransformerConfig read_qwen3(const ConfigReader& in) {
  in.expect("attention_bias", false, "biases in the attention");
  UniformConfig config = read_llama_family_config(in, defaults(128));
  config.qk_norm = true;
  return with_windows(in, config);
}

void write_qwen2(const TransformerConfig& network, nlohmann::ordered_json& out) {
  write_llama_family_config(as_uniform(without_windows(network)), out);
  write_layer_windows(network, out);
}

void write_qwen3(const TransformerConfig& network, nlohmann::ordered_json& out) {
  write_qwen2(network, out);
  out["attention_bias"] = false;
}

}  // namespace

Architecture qwen2() {
  Architecture architecture = llama_family();
  architecture.class_name = "Qwen2ForCausalLM";
  architecture.model_type = "qwen2";
  architecture.read_config = read_qwen2;
  architecture.write_config = write_qwen2;
  return architecture;
}

Architecture qwen3() {
  Architecture architecture = llama_family();
  architecture.class_name = "Qwen3ForCausalLM";
  architecture.model_type = "qwen3";
  architecture.read_config = read_qwen3;
  architecture.write_config = write_qwen3;
  architecture.weights.push_back({"model.layers.{}.self_attn.q_norm", "decoder.layers.{}.self_attention.q_norm"});
  architecture.weights.push_back({"model.layers.{}.self_attn.k_norm", "decoder.layers.{}.self_attention.k_norm"});
  return architecture;
}

}  // namespace qkv
