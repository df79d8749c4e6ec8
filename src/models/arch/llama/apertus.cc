// Apertus (Swiss AI Initiative 2025, transformers' modeling_apertus): Llama with a norm of each head of q and k, and plain feed-forward
// networks whose activation, xIELU, has learned factors.

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/llama/llama_family.h"

namespace qkv {
namespace {

constexpr LlamaFamilyKeys kKeys{.activation = ""};  // it may be xIELU, which other classes do not have
constexpr const char* kXielu = "xielu";

TransformerConfig read_config(const ConfigReader& in) {
  const RopeOptions rope{.theta = 12e6, .scaling = RopeScaling::llama3, .factor = 8, .original_max_positions = 8192};
  TransformerConfig network = read_llama_family_config(in, {.vocab_size = 131072,
                                                            .intermediate_size = 14336,
                                                            .max_position_embeddings = 65536,
                                                            .gated = false,
                                                            .norm = {NormKind::rms, 1e-5f, false},
                                                            .rope = {.theta = rope.theta, .absent = rope},
                                                            .keys = kKeys});
  const bool bias = in.boolean("attention_bias", false);
  const bool xielu = !in.has("hidden_act") || (in.is_text("hidden_act") && in.text("hidden_act") == kXielu);
  for (LayerConfig& layer : network.decoder) {
    set_attention_bias(layer.attention, bias);
    layer.attention.qk_norm = layer.norm;
    layer.feed_forward.xielu = xielu;
    if (!xielu) layer.feed_forward.activation = in.activation("hidden_act");
  }
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const LayerConfig& layer = first_decoder_layer(network);
  write_llama_family_config(network, out, kKeys);
  out["attention_bias"] = layer.attention.q_bias;
  out["hidden_act"] = layer.feed_forward.xielu ? kXielu : activation_name(layer.feed_forward.activation);
}

}  // namespace

Architecture apertus() {
  std::vector<WeightName> names = qk_norm_names();
  names.push_back({"model.layers.{}.attention_layernorm", "decoder.layers.{}.self_attention_norm"});
  names.push_back({"model.layers.{}.feedforward_layernorm", "decoder.layers.{}.feed_forward_norm"});
  for (const auto& [theirs, ours] :
       {std::pair{"beta", "decoder.layers.{}.feed_forward.activation.beta"}, {"eps", "decoder.layers.{}.feed_forward.activation.eps"}})
    names.push_back({.theirs = std::string("model.layers.{}.mlp.act_fn.") + theirs, .ours = ours, .scalar = true});
  names.push_back({"model.layers.{}.mlp.act_fn", "decoder.layers.{}.feed_forward.activation"});
  Architecture architecture = llama_family("ApertusForCausalLM", "apertus", names);
  architecture.read_config = read_config;
  architecture.write_config = write_config;
  return architecture;
}

}  // namespace qkv
