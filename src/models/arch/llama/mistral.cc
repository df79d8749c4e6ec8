// Mistral (Jiang et al. 2023, transformers' modeling_mistral): Llama with a sliding window. Ministral: with windows in some of its layers.

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/llama/llama_family.h"
#include "models/layer_types.h"

namespace qkv {
namespace {

TransformerConfig read_family(const ConfigReader& in) {
  return read_llama_family_config(in, {.intermediate_size = 14336, .num_key_value_heads = 8, .max_position_embeddings = 4096 * 32});
}

TransformerConfig read_mistral(const ConfigReader& in) {
  TransformerConfig network = read_family(in);
  const int window = read_sliding_window(in, 4096);
  for (LayerConfig& layer : network.decoder) layer.attention.window = window;
  return network;
}

void write_mistral(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const int window = first_decoder_layer(network).attention.window;
  write_llama_family_config(network, out);
  out["sliding_window"] = window > 0 ? nlohmann::ordered_json(window) : nlohmann::ordered_json(nullptr);
}

TransformerConfig read_ministral(const ConfigReader& in) {
  TransformerConfig network = read_family(in);
  const int window = read_sliding_window(in, 4096);
  read_layer_types(in, network, window, [&](size_t) { return window > 0; });
  return network;
}

void write_ministral(const TransformerConfig& network, nlohmann::ordered_json& out) {
  write_llama_family_config(network, out);
  write_layer_types(network, out);
}

}  // namespace

Architecture mistral() {
  Architecture architecture = llama_family("MistralForCausalLM", "mistral");
  architecture.read_config = read_mistral;
  architecture.write_config = write_mistral;
  return architecture;
}

Architecture ministral() {
  Architecture architecture = llama_family("MinistralForCausalLM", "ministral");
  architecture.read_config = read_ministral;
  architecture.write_config = write_ministral;
  return architecture;
}

}  // namespace qkv
