// What Llama and its relatives share: rotary positions, RMSNorm before each sub-layer, gated feed-forward networks, no biases.
#pragma once

#include "models/architecture.h"

namespace qkv {

bool llama_family_holds(const TransformerConfig& config);
TransformerConfig read_llama_family_config(const ConfigReader& in);
void write_llama_family_config(const TransformerConfig& config, nlohmann::ordered_json& out);
std::vector<WeightName> llama_family_weights();

}  // namespace qkv
