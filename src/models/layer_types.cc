#include "models/layer_types.h"

#include "base/error.h"
#include "formats/json.h"
#include "models/rope_config.h"

namespace qkv {

void read_layer_types(const ConfigReader& in, TransformerConfig& config, int window, const std::function<bool(size_t layer)>& by_default) {
  const size_t layers = config.decoder.size();
  std::vector<std::string> types = in.texts("layer_types");
  if (types.empty()) {
    for (size_t i = 0; i < layers; ++i) types.emplace_back(by_default(i) ? kSlidingAttention : kFullAttention);
  }
  if (types.size() != layers) {
    fail(ErrorCode::bad_input, "{}: \"layer_types\" has {} entries for {} layers", in.file(), types.size(), layers);
  }
  for (size_t i = 0; i < layers; ++i) {
    if (types[i] == kFullAttention) continue;
    if (types[i] != kSlidingAttention) {
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

int read_sliding_window(const ConfigReader& in, int fallback) {
  if (!in.given("sliding_window")) return fallback;
  if (!in.has("sliding_window")) return 0;
  const int window = in.integer("sliding_window");
  if (window < 1) {  // 0 would hide a token from itself
    fail(ErrorCode::bad_input, "{}: \"sliding_window\" is {}; null stands for no window", in.file(), window);
  }
  return window;
}

void write_layer_types(const TransformerConfig& config, nlohmann::ordered_json& out) {
  int window = 0;
  std::vector<std::string> types;
  for (const LayerConfig& layer : config.decoder) {
    const int mine = layer.attention.window;
    types.emplace_back(mine > 0 ? kSlidingAttention : kFullAttention);
    if (mine == 0) continue;
    if (window != 0 && mine != window) fail(ErrorCode::unsupported, "layers have windows of {} and {}; one is possible", window, mine);
    window = mine;
  }
  out["layer_types"] = types;
  out["sliding_window"] = window > 0 ? nlohmann::ordered_json(window) : nlohmann::ordered_json(nullptr);
}

void read_sliding_rope(const ConfigReader& in, double theta, TransformerConfig& config) {
  RopeOptions rope = read_rope(
      in,
      {.max_position_embeddings = config.max_position_embeddings, .theta = theta, .layer_type = kSlidingAttention, .only_nested = true});
  for (LayerConfig& layer : config.decoder) {
    if (layer.attention.window == 0) continue;
    rope.rotary_dim = layer.attention.head_dim;
    layer.attention.rope = rope;
  }
}

void write_nested_rope(const TransformerConfig& config, nlohmann::ordered_json& out) {
  for (const char* key : {"rope_parameters", "rope_theta", "rope_scaling"}) out.erase(key);
  for (const LayerConfig& layer : config.decoder) {
    if (!layer.attention.rope) continue;
    out["rope_parameters"][std::string(layer.attention.window > 0 ? kSlidingAttention : kFullAttention)] =
        rope_parameters(*layer.attention.rope);
  }
}

}  // namespace qkv
