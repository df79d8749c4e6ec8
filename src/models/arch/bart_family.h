// Shared by the encoder-decoders that transformers derives from BART (Lewis et al. 2020): keys of config.json and names of layers.
#pragma once

#include "models/architecture.h"
#include "nn/uniform_config.h"

namespace qkv {

// `vocab_size` is the default of the class; the defaults differ.
UniformConfig read_family_config(const ConfigReader& in, int vocab_size);
void write_family_config(const UniformConfig& config, nlohmann::ordered_json& out);
std::vector<WeightName> family_weights();
std::vector<WeightCopy> family_copies();

}  // namespace qkv
