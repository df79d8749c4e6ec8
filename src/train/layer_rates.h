// How fast each weight learns in fine-tuning, by its depth in the network.
#pragma once

#include <vector>

#include "nn/parameters.h"

namespace qkv {

// A factor of the learning rate for each parameter: decay for the last layer of a stack of L, decay^2 for the one before it, decay^(L + 1)
// for embeddings and what lies below the first layer, and 1 for heads and final norms (Howard and Ruder 2018, section 3.1; Clark et al.
// 2020, appendix B). `decay` in [0, 1].
std::vector<double> layer_rates(const ParameterStore& parameters, double decay);

}  // namespace qkv
