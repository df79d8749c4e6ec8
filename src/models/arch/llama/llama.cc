// Llama (Touvron et al. 2023, transformers' modeling_llama).

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/llama/llama_family.h"

namespace qkv {
namespace {

TransformerConfig read_config(const ConfigReader& in) {
  TransformerConfig network = read_llama_family_config(in, {.intermediate_size = 11008, .max_position_embeddings = 2048});
  read_biases(in, network);
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  write_llama_family_config(network, out);
  write_biases(network, out);
  out["pretraining_tp"] = 1;
}

}  // namespace

Architecture llama() {
  Architecture architecture = llama_family("LlamaForCausalLM", "llama");
  architecture.read_config = read_config;
  architecture.write_config = write_config;
  return architecture;
}

}  // namespace qkv
