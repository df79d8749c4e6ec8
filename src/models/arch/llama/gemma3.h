// Gemma 3's layers, of a decoder or of an encoder.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "models/config_reader.h"
#include "nn/transformer_config.h"

namespace qkv {

// As a decoder, whatever "use_bidirectional_attention" says.
TransformerConfig read_gemma3_layers(const ConfigReader& in);
void write_gemma3_layers(const TransformerConfig& network, nlohmann::ordered_json& out);

}  // namespace qkv
