// StarCoder2 (Lozhkov et al. 2024, transformers' modeling_starcoder2): Llama with LayerNorm, plain feed-forward networks and biases.

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/llama/llama_family.h"
#include "models/json_numbers.h"
#include "models/layer_types.h"

namespace qkv {
namespace {

constexpr LlamaFamilyKeys kKeys{.epsilon = "norm_epsilon"};

TransformerConfig read_config(const ConfigReader& in) {
  TransformerConfig network = read_llama_family_config(in, {.vocab_size = 49152,
                                                            .hidden_size = 3072,
                                                            .num_layers = 30,
                                                            .num_heads = 24,
                                                            .intermediate_size = 12288,
                                                            .num_key_value_heads = 2,
                                                            .max_position_embeddings = 4096,
                                                            .bos_token_id = 50256,
                                                            .eos_token_id = 50256,
                                                            .activation = Activation::gelu_tanh,
                                                            .gated = false,
                                                            .norm = {},
                                                            .tied = true,
                                                            .keys = kKeys});
  const bool bias = in.boolean("use_bias", true);
  const int window = read_sliding_window(in, 0);
  network.dropout = in.number("embedding_dropout", 0);
  network.initializer_range = in.number("initializer_range", 0.018042f);
  for (LayerConfig& layer : network.decoder) {
    set_attention_bias(layer.attention, bias);
    layer.feed_forward.bias = bias;
    layer.attention.window = window;
    layer.dropout = in.number("residual_dropout", 0);
  }
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const LayerConfig& layer = first_decoder_layer(network);
  write_llama_family_config(network, out, kKeys);
  out["embedding_dropout"] = shortest(network.dropout);
  out["residual_dropout"] = shortest(layer.dropout);
  out["sliding_window"] = layer.attention.window > 0 ? nlohmann::ordered_json(layer.attention.window) : nlohmann::ordered_json(nullptr);
  out["use_bias"] = layer.attention.q_bias;
}

}  // namespace

Architecture starcoder2() {
  Architecture architecture = llama_family("Starcoder2ForCausalLM", "starcoder2",
                                           {{"model.layers.{}.mlp.c_fc", "decoder.layers.{}.feed_forward.fc1"},
                                            {"model.layers.{}.mlp.c_proj", "decoder.layers.{}.feed_forward.fc2"}});
  architecture.read_config = read_config;
  architecture.write_config = write_config;
  return architecture;
}

}  // namespace qkv
