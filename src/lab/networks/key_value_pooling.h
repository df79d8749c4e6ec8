// Converts multi-head to grouped-query attention without training from scratch (Ainslie et al. 2023, section 2.1).
#pragma once

#include "nn/parameters.h"

namespace qkv::lab {

// Gives `to` the weights of `from`, a network that only has more key/value heads of `head_size`: each head of `to` is the mean of the heads
// whose queries it now serves.
void pool_key_value_heads(const ParameterStore& from, const ParameterStore& to, int head_size);

}  // namespace qkv::lab
