// Shared by Llama and its relatives: rotary positions, RMSNorm before each sub-layer, gated feed-forward networks, no biases.
#pragma once

#include "models/architecture.h"
#include "nn/uniform_config.h"

namespace qkv {

// Defaults that differ between the classes.
struct LlamaFamilyDefaults {
  int vocab_size = 32000;
  int intermediate_size = 0;
  int num_key_value_heads = 0;  // 0: as many as query heads
  int max_position_embeddings = 0;
  int head_dim = 0;                        // 0: hidden_size / num_attention_heads
  int bos_token_id = 1, eos_token_id = 2;  // -1: none
};
UniformConfig read_llama_family_config(const ConfigReader& in, const LlamaFamilyDefaults& defaults);
void write_llama_family_config(const UniformConfig& config, nlohmann::ordered_json& out);
// An Architecture with the names of the weights; each class adds the rest.
Architecture llama_family();

}  // namespace qkv
