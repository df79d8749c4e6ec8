#include "models/layer_windows.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace qkv {

void read_layer_windows(const ConfigReader& in, TransformerConfig& config, int default_window, int default_max_window_layers) {
  const size_t layers = config.decoder.size();
  const int window = in.boolean("use_sliding_window", false) && (in.has("sliding_window") || !in.given("sliding_window"))
                         ? in.integer("sliding_window", default_window)
                         : 0;
  const auto first = static_cast<size_t>(std::max(0, in.integer("max_window_layers", default_max_window_layers)));
  std::vector<std::string> types = in.texts("layer_types");
  if (types.empty()) {
    for (size_t i = 0; i < layers; ++i) types.emplace_back(window != 0 && i >= first ? "sliding_attention" : "full_attention");
  }
  if (types.size() != layers) {
    fail(ErrorCode::bad_input, "{}: \"layer_types\" has {} entries for {} layers", in.file(), types.size(), layers);
  }
  for (size_t i = 0; i < layers; ++i) {
    if (types[i] == "full_attention") continue;
    if (types[i] != "sliding_attention") {
      fail(ErrorCode::unsupported, "{}: \"layer_types\" has \"{}\"; there are full_attention, sliding_attention", in.file(),
           shortened(types[i], 60));
    }
    if (window < 1) {
      fail(ErrorCode::bad_input, "{}: \"layer_types\" has \"sliding_attention\", but there is no \"sliding_window\" of 1 or more in use",
           in.file());
    }
    config.decoder[i].attention.window = window;
  }
}

void write_layer_windows(const TransformerConfig& config, nlohmann::ordered_json& out) {
  int window = 0;
  size_t first = config.decoder.size();
  std::vector<std::string> types;
  for (size_t i = 0; i < config.decoder.size(); ++i) {
    const int mine = config.decoder[i].attention.window;
    types.emplace_back(mine > 0 ? "sliding_attention" : "full_attention");
    if (mine == 0) continue;
    if (window != 0 && mine != window) fail(ErrorCode::unsupported, "layers have windows of {} and {}; one is possible", window, mine);
    window = mine;
    first = std::min(first, i);
  }
  out["layer_types"] = types;
  out["max_window_layers"] = first;
  out["sliding_window"] = window > 0 ? nlohmann::ordered_json(window) : nlohmann::ordered_json(nullptr);
  out["use_sliding_window"] = window > 0;
}

TransformerConfig without_windows(TransformerConfig config) {
  for (LayerConfig& layer : config.decoder) layer.attention.window = 0;
  return config;
}

}  // namespace qkv
