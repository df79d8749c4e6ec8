// What Llama and its relatives share: rotary positions, RMSNorm before each sub-layer, gated feed-forward networks, no biases.
#pragma once

#include "models/architecture.h"
#include "nn/uniform_config.h"

namespace qkv {

// Where the classes' defaults differ.
struct LlamaFamilyDefaults {
  int intermediate_size, num_key_value_heads, max_position_embeddings;  // num_key_value_heads 0: as many as of queries
};
UniformConfig read_llama_family_config(const ConfigReader& in, const LlamaFamilyDefaults& defaults);
void write_llama_family_config(const UniformConfig& config, nlohmann::ordered_json& out);
// Names of weights; the rest is the class's own.
Architecture llama_family();

}  // namespace qkv
