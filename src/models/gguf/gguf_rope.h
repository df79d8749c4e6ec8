// Rotary positions of a GGUF file beside "rope_parameters" of config.json, for both directions (GgufKeys).
#pragma once

#include "models/gguf/gguf_keys.h"

namespace qkv {

// `head_dim`: columns of a head; `partial`: of a class that may rotate a part of each head.
void map_gguf_rope(GgufKeys& keys, int64_t head_dim, bool partial, nlohmann::json& config);

// Phi-3's two lists of factors, which stand in tensors.
void map_gguf_long_rope(GgufKeys& keys, nlohmann::json& config);

}  // namespace qkv
