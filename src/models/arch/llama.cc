// Llama (Touvron et al. 2023, transformers' modeling_llama).
#include <nlohmann/json.hpp>

#include "models/arch/arch.h"
#include "models/arch/llama_family.h"
#include "nn/uniform_config.h"

namespace qkv {
namespace {

TransformerConfig read_config(const ConfigReader& in) {
  in.expect("attention_bias", false, "biases in the attention");
  in.expect("mlp_bias", false, "biases in the feed-forward networks");
  return read_llama_family_config(in, {.intermediate_size = 11008, .num_key_value_heads = 0, .max_position_embeddings = 2048});
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const UniformConfig config = as_uniform(network);
  write_llama_family_config(config, out);
  out["attention_bias"] = out["mlp_bias"] = false;
  out["pretraining_tp"] = 1;
}

}  // namespace

Architecture llama() {
  Architecture architecture = llama_family();
  architecture.class_name = "LlamaForCausalLM";
  architecture.model_type = "llama";
  architecture.read_config = read_config;
  architecture.write_config = write_config;
  return architecture;
}

}  // namespace qkv
