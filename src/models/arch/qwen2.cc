// Qwen2 (Yang et al. 2024, transformers' modeling_qwen2): Llama with biases of W_Q, W_K and W_V, and windows in later layers.
#include <nlohmann/json.hpp>

#include "models/arch/arch.h"
#include "models/arch/llama_family.h"
#include "models/layer_windows.h"

namespace qkv {
namespace {

TransformerConfig read_config(const ConfigReader& in) {
  UniformConfig config = read_llama_family_config(in, {.vocab_size = 151936,
                                                       .intermediate_size = 22016,
                                                       .num_key_value_heads = 32,
                                                       .max_position_embeddings = 32768,
                                                       .bos_token_id = -1,
                                                       .eos_token_id = -1});
  config.qkv_bias = true;
  TransformerConfig network = config;
  read_layer_windows(in, network, 4096, 28);
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  write_llama_family_config(as_uniform(without_windows(network)), out);
  write_layer_windows(network, out);
}

}  // namespace

Architecture qwen2() {
  Architecture architecture = llama_family();
  architecture.class_name = "Qwen2ForCausalLM";
  architecture.model_type = "qwen2";
  architecture.read_config = read_config;
  architecture.write_config = write_config;
  return architecture;
}

}  // namespace qkv
