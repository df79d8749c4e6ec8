// Mistral (Jiang et al. 2023, transformers' modeling_mistral): Llama with a sliding window.
#include <nlohmann/json.hpp>

#include "models/arch/arch.h"
#include "models/arch/llama_family.h"

namespace qkv {
namespace {

TransformerConfig read_config(const ConfigReader& in) {
  TransformerConfig config = read_llama_family_config(in);
  config.sliding_window = in.integer("sliding_window", 0);
  return config;
}

void write_config(const TransformerConfig& config, nlohmann::ordered_json& out) {
  write_llama_family_config(config, out);
  out["sliding_window"] = config.sliding_window;
}

}  // namespace

Architecture mistral() {
  return {.class_name = "MistralForCausalLM",
          .model_type = "mistral",
          .holds = llama_family_holds,
          .read_config = read_config,
          .write_config = write_config,
          .weights = llama_family_weights(),
          .copies_of_embedding = {"lm_head.weight"}};
}

}  // namespace qkv
