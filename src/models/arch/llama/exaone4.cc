// EXAONE 4 (LG AI Research 2025, transformers' modeling_exaone4): Llama whose norms are on the output of each sub-layer, with norms of each
// head of q and k. With windows, only the layers that have one turn q and k.

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/llama/llama_family.h"
#include "models/layer_types.h"

namespace qkv {
namespace {

TransformerConfig read_config(const ConfigReader& in) {
  TransformerConfig network = read_llama_family_config(in, {.vocab_size = 102400,
                                                            .intermediate_size = 16384,
                                                            .num_key_value_heads = 32,
                                                            .max_position_embeddings = 2048,
                                                            .bos_token_id = 0,
                                                            .norm = {NormKind::rms, 1e-5f, false}});
  const int window = read_sliding_window(in, 4096);
  if (in.has("layer_types")) in.given("sliding_window_pattern");  // the types say it
  const auto period = in.has("layer_types") || window == 0 ? 0 : static_cast<size_t>(in.integer("sliding_window_pattern", 4));
  read_layer_types(in, network, window, [&](size_t layer) { return period > 0 && (layer + 1) % period != 0; });
  for (LayerConfig& layer : network.decoder) {
    layer.norm_place = NormPlace::output;
    layer.attention.qk_norm = layer.norm;
    if (window > 0 && layer.attention.window == 0) layer.attention.rope.reset();
  }
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  write_llama_family_config(network, out);
  write_layer_types(network, out);
  out["sliding_window_pattern"] = out["sliding_window"].is_null() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(4);
}

}  // namespace

Architecture exaone4() {
  std::vector<WeightName> names = qk_norm_names();
  names.push_back({"model.layers.{}.post_attention_layernorm", "decoder.layers.{}.self_attention_output_norm"});
  names.push_back({"model.layers.{}.post_feedforward_layernorm", "decoder.layers.{}.feed_forward_output_norm"});
  Architecture architecture = llama_family("Exaone4ForCausalLM", "exaone4", names);
  architecture.read_config = read_config;
  architecture.write_config = write_config;
  return architecture;
}

}  // namespace qkv
