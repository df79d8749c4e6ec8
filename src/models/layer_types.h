// Layers of two types in config.json, with a window and without: "layer_types" with "sliding_window" and nested "rope_parameters"
// (transformers 5), or older keys of each class.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>

#include "models/config_reader.h"
#include "nn/transformer_config.h"

namespace qkv {

// Gives the decoder's layers of type "sliding_attention" the window. Without "layer_types" these are the layers that by_default names.
void read_layer_types(const ConfigReader& in, TransformerConfig& config, int window, const std::function<bool(size_t layer)>& by_default);

// "sliding_window", or the fallback if the key is missing; 0, no window, if it is null. Throws if it is less than 1.
int read_sliding_window(const ConfigReader& in, int fallback);

// Writes "layer_types" and "sliding_window". Throws (unsupported) if two layers have different windows.
void write_layer_types(const TransformerConfig& config, nlohmann::ordered_json& out);

inline constexpr std::string_view kFullAttention = "full_attention", kSlidingAttention = "sliding_attention";

// Gives the layers with a window the rotation that "rope_parameters" nests for them, or `theta` without scaling.
void read_sliding_rope(const ConfigReader& in, double theta, TransformerConfig& config);
// Replaces the keys of one rotation by one for each type of layers.
void write_nested_rope(const TransformerConfig& config, nlohmann::ordered_json& out);

}  // namespace qkv
