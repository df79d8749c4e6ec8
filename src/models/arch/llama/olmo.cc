// OLMo 2 and 3 (Walsh et al. 2024, OLMo Team 2025, transformers' modeling_olmo2 and modeling_olmo3): Llama whose norms are on the output of
// each sub-layer, with norms of q and k over all heads. OLMo 3 has windows, and scales the rotation of the layers without one.

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/llama/llama_family.h"
#include "models/layer_types.h"

namespace qkv {
namespace {

constexpr double kTheta = 500000;  // of OLMo 3

TransformerConfig read_family(const ConfigReader& in, const RopeRules& rope) {
  TransformerConfig network = read_llama_family_config(in, {.vocab_size = 50304,
                                                            .intermediate_size = 11008,
                                                            .max_position_embeddings = 2048,
                                                            .bos_token_id = -1,
                                                            .eos_token_id = 50279,
                                                            .norm = {NormKind::rms, 1e-5f, false},
                                                            .rope = rope});
  read_biases(in, network);
  for (LayerConfig& layer : network.decoder) {
    layer.norm_place = NormPlace::output;
    layer.attention.qk_norm = layer.norm;
    layer.attention.qk_norm_place = QkNormPlace::projection;
  }
  return network;
}

TransformerConfig read_olmo2(const ConfigReader& in) { return read_family(in, {}); }

TransformerConfig read_olmo3(const ConfigReader& in) {
  TransformerConfig network = read_family(in, {.theta = kTheta, .layer_type = kFullAttention});
  read_layer_types(in, network, read_sliding_window(in, 4096), [](size_t layer) { return (layer + 1) % 4 != 0; });
  read_sliding_rope(in, kTheta, network);
  return network;
}

void write_olmo2(const TransformerConfig& network, nlohmann::ordered_json& out) {
  write_llama_family_config(network, out);
  out["attention_bias"] = network.decoder.front().attention.q_bias;
}

void write_olmo3(const TransformerConfig& network, nlohmann::ordered_json& out) {
  write_olmo2(network, out);
  write_layer_types(network, out);
  write_nested_rope(network, out);
}

Architecture family(std::string_view class_name, std::string_view model_type) {
  std::vector<WeightName> names = qk_norm_names();
  names.push_back({"model.layers.{}.post_attention_layernorm", "decoder.layers.{}.self_attention_output_norm"});
  names.push_back({"model.layers.{}.post_feedforward_layernorm", "decoder.layers.{}.feed_forward_output_norm"});
  return llama_family(class_name, model_type, names);
}

}  // namespace

Architecture olmo2() {
  Architecture architecture = family("Olmo2ForCausalLM", "olmo2");
  architecture.read_config = read_olmo2;
  architecture.write_config = write_olmo2;
  return architecture;
}

Architecture olmo3() {
  Architecture architecture = family("Olmo3ForCausalLM", "olmo3");
  architecture.read_config = read_olmo3;
  architecture.write_config = write_olmo3;
  return architecture;
}

}  // namespace qkv
