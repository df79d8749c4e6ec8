// Rotary positions of a GGUF file as "rope_parameters" of config.json.
#pragma once

#include "models/gguf/gguf_keys.h"

namespace qkv {

// `head_dim`: columns of a head.
void read_gguf_rope(GgufKeys& in, int64_t head_dim, nlohmann::json& config);

}  // namespace qkv
