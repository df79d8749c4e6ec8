// The distribution of a model's parameters over its parts.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "nn/parameters.h"

namespace qkv {

// Number of parameters per part, in network order: "embed_tokens", "encoder.self_attention", "encoder.feed_forward", "encoder.norms", …
// Sums over all layers of a stack.
std::vector<std::pair<std::string, int64_t>> count_by_part(const ParameterStore& parameters);

}  // namespace qkv
