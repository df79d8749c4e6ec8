// Qwen2 and Qwen3 (Yang et al. 2024 and 2025, transformers' modeling_qwen2 and modeling_qwen3): Llama with windows in later layers. Qwen2
// has biases of W_Q, W_K and W_V; Qwen3 has a norm of each head of q and k, and heads of 128 columns independent of the hidden size.
#include <algorithm>

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/llama/llama_family.h"
#include "models/layer_types.h"

namespace qkv {
namespace {

// Defaults shared by both classes; head_dim 0: hidden_size / num_attention_heads.
TransformerConfig read_family(const ConfigReader& in, int head_dim) {
  TransformerConfig network = read_llama_family_config(in, {.vocab_size = 151936,
                                                            .intermediate_size = 22016,
                                                            .num_key_value_heads = 32,
                                                            .max_position_embeddings = 32768,
                                                            .head_dim = head_dim,
                                                            .bos_token_id = -1,
                                                            .eos_token_id = -1});
  const bool uses = in.boolean("use_sliding_window", false) && (in.has("sliding_window") || !in.given("sliding_window"));
  const int window = uses ? in.integer("sliding_window", 4096) : 0;
  const auto first = static_cast<size_t>(std::max(0, in.integer("max_window_layers", 28)));
  read_layer_types(in, network, window, [&](size_t layer) { return window != 0 && layer >= first; });
  return network;
}

TransformerConfig read_qwen2(const ConfigReader& in) {
  TransformerConfig network = read_family(in, 0);
  for (LayerConfig& layer : network.decoder) layer.attention.q_bias = layer.attention.k_bias = layer.attention.v_bias = true;
  return network;
}

TransformerConfig read_qwen3(const ConfigReader& in) {
  TransformerConfig network = read_family(in, 128);
  for (LayerConfig& layer : network.decoder) {
    set_attention_bias(layer.attention, in.boolean("attention_bias", false));
    layer.attention.qk_norm = layer.norm;
  }
  return network;
}

void write_qwen2(const TransformerConfig& network, nlohmann::ordered_json& out) {
  write_llama_family_config(network, out);
  write_layer_types(network, out);
  const auto has_window = [](const LayerConfig& layer) { return layer.attention.window > 0; };
  out["max_window_layers"] = std::find_if(network.decoder.begin(), network.decoder.end(), has_window) - network.decoder.begin();
  out["use_sliding_window"] = std::any_of(network.decoder.begin(), network.decoder.end(), has_window);
}

void write_qwen3(const TransformerConfig& network, nlohmann::ordered_json& out) {
  write_qwen2(network, out);
  out["attention_bias"] = first_decoder_layer(network).attention.q_bias;
}

}  // namespace

Architecture qwen2() {
  Architecture architecture = llama_family("Qwen2ForCausalLM", "qwen2");
  architecture.read_config = read_qwen2;
  architecture.write_config = write_qwen2;
  return architecture;
}

Architecture qwen3() {
  Architecture architecture = llama_family("Qwen3ForCausalLM", "qwen3", qk_norm_names());
  architecture.read_config = read_qwen3;
  architecture.write_config = write_qwen3;
  return architecture;
}

}  // namespace qkv
