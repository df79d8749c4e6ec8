// Rotary positions in config.json: "rope_parameters" (transformers 5), or "rope_theta" and "rope_scaling" before.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "models/config_reader.h"
#include "nn/rotary_positions.h"

namespace qkv {

RopeOptions read_rope(const ConfigReader& in, int max_position_embeddings);

// Both forms: older versions look for the second.
void write_rope(const RopeOptions& rope, nlohmann::ordered_json& out);

}  // namespace qkv
