// Phi-1, 1.5 and 2 (Gunasekar et al. 2023, transformers' modeling_phi): attention and feed-forward network read one norm's output, and
// every linear layer has a bias, the output layer included.

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/llama/llama_family.h"
#include "models/json_numbers.h"

namespace qkv {
namespace {

constexpr LlamaFamilyKeys kKeys{.epsilon = "layer_norm_eps", .partial_rope = true};

TransformerConfig read_config(const ConfigReader& in) {
  TransformerConfig network = read_llama_family_config(in, {.vocab_size = 51200,
                                                            .hidden_size = 2048,
                                                            .num_layers = 24,
                                                            .intermediate_size = 8192,
                                                            .max_position_embeddings = 2048,
                                                            .activation = Activation::gelu_tanh,
                                                            .gated = false,
                                                            .norm = {},
                                                            .rope = {.part = 0.5f},
                                                            .keys = kKeys});
  network.output_bias = true;
  network.dropout = in.number("embd_pdrop", 0);
  const bool qk_norm = in.boolean("qk_layernorm", false);
  for (LayerConfig& layer : network.decoder) {
    layer.order = LayerOrder::parallel_shared;
    set_attention_bias(layer.attention, true);
    if (qk_norm) layer.attention.qk_norm = layer.norm;
    layer.feed_forward.bias = true;
    layer.dropout = in.number("resid_pdrop", 0);
  }
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const LayerConfig& layer = first_decoder_layer(network);
  write_llama_family_config(network, out, kKeys);
  out.erase("head_dim");
  out["embd_pdrop"] = shortest(network.dropout);
  out["qk_layernorm"] = layer.attention.qk_norm.has_value();
  out["resid_pdrop"] = shortest(layer.dropout);
}

}  // namespace

Architecture phi() {
  std::vector<WeightName> names = qk_norm_names("q_layernorm", "k_layernorm");
  names.push_back({"model.layers.{}.self_attn.dense", "decoder.layers.{}.self_attention.out_proj"});
  names.push_back({"model.layers.{}.mlp.fc1", "decoder.layers.{}.feed_forward.fc1"});
  names.push_back({"model.layers.{}.mlp.fc2", "decoder.layers.{}.feed_forward.fc2"});
  names.push_back({"model.final_layernorm", "decoder.final_norm"});
  Architecture architecture = llama_family("PhiForCausalLM", "phi", names);
  architecture.read_config = read_config;
  architecture.write_config = write_config;
  return architecture;
}

}  // namespace qkv
