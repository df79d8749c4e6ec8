// Cohere2 (Cohere 2025, transformers' modeling_cohere2; Command R7B): attention and feed-forward network read one norm's output; only
// layers with a window turn q and k, in pairs of neighbours; the logits are scaled.
#include <algorithm>

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/llama/llama_family.h"
#include "models/json_numbers.h"
#include "models/layer_types.h"

namespace qkv {
namespace {

constexpr LlamaFamilyKeys kKeys{.epsilon = "layer_norm_eps"};

TransformerConfig read_config(const ConfigReader& in) {
  TransformerConfig network = read_llama_family_config(in, {.vocab_size = 256000,
                                                            .hidden_size = 8192,
                                                            .num_layers = 40,
                                                            .num_heads = 64,
                                                            .intermediate_size = 22528,
                                                            .max_position_embeddings = 8192,
                                                            .bos_token_id = 5,
                                                            .eos_token_id = 255001,
                                                            .norm = {NormKind::layer, 1e-5f, false},
                                                            .tied = true,
                                                            .keys = kKeys});
  read_biases(in, network);
  network.output_scale = in.number("logit_scale", 0.0625f);
  if (network.output_scale == 0) fail(ErrorCode::bad_input, "{}: \"logit_scale\" is 0", in.file());
  const auto period = static_cast<size_t>(std::max(1, in.integer("sliding_window_pattern", 4)));
  read_layer_types(in, network, read_sliding_window(in, 4096), [&](size_t layer) { return (layer + 1) % period != 0; });
  for (LayerConfig& layer : network.decoder) {
    layer.order = LayerOrder::parallel_shared;
    layer.attention.rope->layout = RotaryPairs::neighbours;
    if (layer.attention.window == 0) layer.attention.rope.reset();
  }
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  write_llama_family_config(network, out, kKeys);
  out.erase("head_dim");
  write_layer_types(network, out);
  out["attention_bias"] = network.decoder.front().attention.q_bias;
  out["logit_scale"] = shortest(network.output_scale);
}

}  // namespace

Architecture cohere2() {
  Architecture architecture = llama_family("Cohere2ForCausalLM", "cohere2");
  architecture.read_config = read_config;
  architecture.write_config = write_config;
  return architecture;
}

}  // namespace qkv
