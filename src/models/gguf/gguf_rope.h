// Rotary positions of a GGUF file as "rope_parameters" of config.json.
#pragma once

#include <vector>

#include "models/gguf/gguf_keys.h"

namespace qkv {

// `head_dim`: columns of a head.
void read_gguf_rope(GgufKeys& in, int64_t head_dim, nlohmann::json& config);

// The numbers of a tensor of factors.
std::vector<float> read_gguf_factors(const GgufKeys& in, const StoredTensor& stored);

}  // namespace qkv
