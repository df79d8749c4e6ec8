// The architectures that qkv opens and writes: an explicit list.
#pragma once

#include <span>

#include "models/architecture.h"

namespace qkv {

// The last one is our own, which can describe every network.
std::span<const Architecture> architectures();

// The one that config.json names ("architectures", else "model_type"). Throws with the names there are.
const Architecture& find_architecture(const ConfigReader& config);

// Does a config.json of this architecture describe the network whole? It does where what is written is read back as the same network; what
// only training and text generation need (dropout, the first weights' deviation, token ids) may be lost.
bool holds(const Architecture& architecture, const TransformerConfig& config);

// The one that a network of our own is written as: the first that holds it; "qkv" holds all whose layers are alike.
const Architecture& architecture_for(const TransformerConfig& config);

}  // namespace qkv
