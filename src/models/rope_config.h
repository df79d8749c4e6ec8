// Rotary positions in config.json: "rope_parameters" (transformers 5), or the older "rope_theta" and "rope_scaling".
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "models/config_reader.h"
#include "nn/rotary_positions.h"

namespace qkv {

RopeOptions read_rope(const ConfigReader& in, int max_position_embeddings);

// Writes both forms, since older versions read the second.
void write_rope(const RopeOptions& rope, nlohmann::ordered_json& out);

}  // namespace qkv
