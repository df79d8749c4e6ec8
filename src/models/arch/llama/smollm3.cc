// SmolLM3 (Bakouch et al. 2025, transformers' modeling_smollm3): Llama without rotation in every fourth layer.
#include <algorithm>

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/llama/llama_family.h"
#include "models/layer_types.h"

namespace qkv {
namespace {

TransformerConfig read_config(const ConfigReader& in) {
  TransformerConfig network = read_llama_family_config(in, {.vocab_size = 128256,
                                                            .hidden_size = 2048,
                                                            .num_layers = 36,
                                                            .num_heads = 16,
                                                            .intermediate_size = 11008,
                                                            .num_key_value_heads = 4,
                                                            .max_position_embeddings = 32768,
                                                            .bos_token_id = 128000,
                                                            .eos_token_id = 128001,
                                                            .tied = true,
                                                            .rope = {.theta = 2e6}});
  read_biases(in, network);
  std::vector<float> turns = in.numbers("no_rope_layers");  // 1 for a layer that turns
  const auto period = static_cast<size_t>(std::max(1, in.integer("no_rope_layer_interval", 4)));
  for (size_t i = turns.size(); i < network.decoder.size() && !in.has("no_rope_layers"); ++i) turns.push_back((i + 1) % period != 0);
  if (turns.size() != network.decoder.size()) {
    fail(ErrorCode::bad_input, "{}: \"no_rope_layers\" has {} entries for {} layers", in.file(), turns.size(), network.decoder.size());
  }
  const int window = in.boolean("use_sliding_window", false) ? read_sliding_window(in, 0) : 0;
  read_layer_types(in, network, window, [&](size_t layer) { return window > 0 && turns[layer] == 0; });
  for (size_t i = 0; i < turns.size(); ++i) {
    if (turns[i] == 0) network.decoder[i].attention.rope.reset();
  }
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  write_llama_family_config(network, out);
  write_biases(network, out);
  write_layer_types(network, out);
  out["use_sliding_window"] = !out["sliding_window"].is_null();
  for (const LayerConfig& layer : network.decoder) out["no_rope_layers"].push_back(layer.attention.rope ? 1 : 0);
}

}  // namespace

Architecture smollm3() {
  Architecture architecture = llama_family("SmolLM3ForCausalLM", "smollm3");
  architecture.read_config = read_config;
  architecture.write_config = write_config;
  return architecture;
}

}  // namespace qkv
