// Rotary positions in config.json: "rope_parameters" (transformers 5), or the older "rope_theta" and "rope_scaling".
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "models/config_reader.h"
#include "nn/rotary_positions.h"

namespace qkv {

// Names of scalings that mean another one in some classes.
enum class RopeDialect : uint8_t {
  common,
  phi3,     // "su" and "yarn" are names of longrope
  hunyuan,  // "dynamic" with "alpha" is ntk_alpha
};

// What a class does with these keys.
struct RopeRules {
  int max_position_embeddings = 0;
  double theta = 10000;              // of a file without "rope_theta"
  int head_dim = 0;                  // of a class that may rotate a part of each head; 0: it rotates whole heads
  float part = 1;                    // of a file without "partial_rotary_factor"
  std::string_view layer_type = {};  // "full_attention": the parameters may stand in an object of this name
  bool only_nested = false;          // parameters outside of that object are those of other layers
  RopeDialect dialect = RopeDialect::common;
  bool query_growth = false;               // queries grow with their position by "llama_4_scaling_beta"
  int original_max_positions = 0;          // of a file without "original_max_position_embeddings" beside the parameters; 0: see there, too
  std::optional<RopeOptions> absent = {};  // of a file without any parameters; nothing: plain rotation
};

// rotary_dim is 0 for a class that rotates whole heads.
RopeOptions read_rope(const ConfigReader& in, const RopeRules& rules);

// Writes both forms, since older versions read the second. head_dim: of a class that may rotate a part of each head; else 0.
void write_rope(const RopeOptions& rope, nlohmann::ordered_json& out, int head_dim = 0);
// The parameters alone, for classes that nest them by layer type.
nlohmann::ordered_json rope_parameters(const RopeOptions& rope, int head_dim = 0);

}  // namespace qkv
