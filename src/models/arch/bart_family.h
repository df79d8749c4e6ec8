// What the encoder-decoders that transformers derives from BART (Lewis et al. 2020) share: keys of config.json and names of layers.
#pragma once

#include "models/architecture.h"

namespace qkv {

// Post-norm or pre-norm, with sinusoidal positions; what this family can be otherwise has its own classes.
bool family_holds(const TransformerConfig& config);
// `vocab_size` is the class's default, which differs between them.
TransformerConfig read_family_config(const ConfigReader& in, int vocab_size);
void write_family_config(const TransformerConfig& config, nlohmann::ordered_json& out);
std::vector<WeightName> family_weights();

}  // namespace qkv
