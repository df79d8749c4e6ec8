// Attention windows of layers in config.json: "layer_types" (transformers 5), or the older "use_sliding_window", "sliding_window" and
// "max_window_layers".
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "models/config_reader.h"
#include "nn/transformer_config.h"

namespace qkv {

// Sets the windows of the decoder's layers; without "layer_types" the layers from "max_window_layers" on have one.
void read_layer_windows(const ConfigReader& in, TransformerConfig& config, int default_window, int default_max_window_layers);

// Writes both forms. Throws (unsupported) if two layers have different windows.
void write_layer_windows(const TransformerConfig& config, nlohmann::ordered_json& out);

// A copy of the configuration without any windows.
TransformerConfig without_windows(TransformerConfig config);

}  // namespace qkv
