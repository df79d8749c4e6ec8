// What the encoder-decoders that transformers derives from BART (Lewis et al. 2020) share: keys of config.json and names of layers.
#pragma once

#include "models/architecture.h"

namespace qkv {

TransformerConfig read_family_config(const ConfigReader& in);
void write_family_config(const TransformerConfig& config, nlohmann::ordered_json& out);
std::vector<WeightName> family_weights();

}  // namespace qkv
