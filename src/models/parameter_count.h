// How a model's weights are spread over its parts.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "nn/parameters.h"

namespace qkv {

// Numbers per part, in the order of the network: "embed_tokens", "encoder.self_attention", "encoder.feed_forward", "encoder.norms", …
// All layers of a stack are taken together.
std::vector<std::pair<std::string, int64_t>> count_by_part(const ParameterStore& parameters);

}  // namespace qkv
