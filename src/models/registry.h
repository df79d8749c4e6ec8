// The architectures that qkv reads and writes: an explicit list.
#pragma once

#include <span>

#include "models/architecture.h"

namespace qkv {

// The last one is qkv's own, which can describe every uniform network.
std::span<const Architecture> architectures();

// The architecture named by config.json ("architectures", else "model_type"). Throws an error listing the known names.
const Architecture& find_architecture(const ConfigReader& config, ModelPart part = ModelPart::whole);

// Are both networks equal but for settings used only in training and text generation (dropout, initial deviation, token ids)?
bool same_network(const TransformerConfig& a, const TransformerConfig& b);

// Does a config.json of this architecture describe the network completely? It does if reading the written file gives the same_network().
bool holds(const Architecture& architecture, const TransformerConfig& config);

// The architecture for writing one of our networks: the first of the preferred "model_type" of transformers that holds it, else the first
// of all; "qkv" holds every network with identical layers.
const Architecture& architecture_for(const TransformerConfig& config, std::string_view preferred_type = {});

}  // namespace qkv
