// Windows of layers in config.json: "layer_types" (transformers 5), or "use_sliding_window", "sliding_window" and "max_window_layers"
// before.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "models/config_reader.h"
#include "nn/transformer_config.h"

namespace qkv {

// Gives the decoder's layers their windows; without a list those from "max_window_layers" on have one.
void read_layer_windows(const ConfigReader& in, TransformerConfig& config, int default_window, int default_max_window_layers);

// Both forms. Throws (unsupported) where two layers have different windows.
void write_layer_windows(const TransformerConfig& config, nlohmann::ordered_json& out);

// The network with attention at any distance in all layers.
TransformerConfig without_windows(TransformerConfig config);

}  // namespace qkv
