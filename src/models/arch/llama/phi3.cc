// Phi-3, Phi-3.5 and Phi-4 (Abdin et al. 2024, transformers' modeling_phi3): Llama with fused weights, and longrope for long texts.

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/llama/llama_family.h"
#include "models/json_numbers.h"
#include "models/layer_types.h"

namespace qkv {
namespace {

constexpr int kOriginalPositions = 4096;
constexpr LlamaFamilyKeys kKeys{.partial_rope = true};

TransformerConfig read_config(const ConfigReader& in) {
  TransformerConfig network =
      read_llama_family_config(in, {.vocab_size = 32064,
                                    .hidden_size = 3072,
                                    .intermediate_size = 8192,
                                    .max_position_embeddings = 4096,
                                    .eos_token_id = 32000,
                                    .norm = {NormKind::rms, 1e-5f, false},
                                    .rope = {.dialect = RopeDialect::phi3, .original_max_positions = kOriginalPositions},
                                    .keys = kKeys});
  network.dropout = in.number("embd_pdrop", 0);
  const int window = read_sliding_window(in, 0);
  for (LayerConfig& layer : network.decoder) {
    layer.dropout = in.number("resid_pdrop", 0);
    layer.attention.window = window;
  }
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const LayerConfig& layer = first_decoder_layer(network);
  write_llama_family_config(network, out, kKeys);
  out["embd_pdrop"] = shortest(network.dropout);
  out["resid_pdrop"] = shortest(layer.dropout);
  const int window = layer.attention.window;
  out["sliding_window"] = window > 0 ? nlohmann::ordered_json(window) : nlohmann::ordered_json(nullptr);
  const bool stretched = layer.attention.rope && layer.attention.rope->original_max_positions > 0;
  out["original_max_position_embeddings"] = stretched ? layer.attention.rope->original_max_positions : network.max_position_embeddings;
}

}  // namespace

Architecture phi3() {
  const auto qkv = [](int index) { return FusedPart{FusedPart::Of::qkv, index}; };
  Architecture architecture = llama_family(
      "Phi3ForCausalLM", "phi3",
      {{.theirs = "model.layers.{}.self_attn.qkv_proj", .ours = "decoder.layers.{}.self_attention.q_proj", .part = qkv(0)},
       {.theirs = "model.layers.{}.self_attn.qkv_proj", .ours = "decoder.layers.{}.self_attention.k_proj", .part = qkv(1)},
       {.theirs = "model.layers.{}.self_attn.qkv_proj", .ours = "decoder.layers.{}.self_attention.v_proj", .part = qkv(2)},
       {.theirs = "model.layers.{}.mlp.gate_up_proj", .ours = "decoder.layers.{}.feed_forward.gate", .part = {FusedPart::Of::gate_up, 0}},
       {.theirs = "model.layers.{}.mlp.gate_up_proj", .ours = "decoder.layers.{}.feed_forward.fc1", .part = {FusedPart::Of::gate_up, 1}}});
  architecture.read_config = read_config;
  architecture.write_config = write_config;
  return architecture;
}

}  // namespace qkv
