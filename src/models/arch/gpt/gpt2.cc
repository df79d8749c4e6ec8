// GPT-2 (Radford et al. 2019, transformers' modeling_gpt2): decoder only, with learned positions and the norm before each sub-layer. W_Q,
// W_K and W_V share one tensor, and linear layers are stored as [in, out].
#include <cmath>
#include <utility>

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/decoders.h"

namespace qkv {
namespace {

// Sets the factors of the scores if they are not 1 / sqrt(head_dim) in each layer.
void set_scales(TransformerConfig& network, bool by_head, bool by_layer) {
  for (size_t i = 0; i < network.decoder.size() && (!by_head || by_layer); ++i) {
    AttentionConfig& attention = network.decoder[i].attention;
    attention.scale = by_head ? 1 / std::sqrt(static_cast<float>(attention.head_dim)) : 1.0f;
    if (by_layer) attention.scale /= static_cast<float>(i + 1);
  }
}

TransformerConfig read_config(const ConfigReader& in) {
  in.expect("add_cross_attention", false, "a decoder with cross-attention");
  TransformerConfig network = read_gpt2_keys(in, {});
  network.position_table = PositionTable::learned;
  network.tie_word_embeddings = in.boolean("tie_word_embeddings", true);
  set_scales(network, in.boolean("scale_attn_weights", true), in.boolean("scale_attn_by_inverse_layer_idx", false));
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  write_gpt2_keys(network, out);
  for (const auto& [by_head, by_layer] : {std::pair{true, false}, {true, true}, {false, false}, {false, true}}) {
    TransformerConfig candidate = network;
    for (LayerConfig& layer : candidate.decoder) layer.attention.scale = 0;
    set_scales(candidate, by_head, by_layer);
    if (!(candidate == network)) continue;
    out["scale_attn_weights"] = by_head;
    out["scale_attn_by_inverse_layer_idx"] = by_layer;
  }
}

}  // namespace

Architecture gpt2() {
  return {.class_name = "GPT2LMHeadModel",
          .model_type = "gpt2",
          .read_config = read_config,
          .write_config = write_config,
          .base_prefix = "transformer.",
          .weights = {{"transformer.wte", "embed_tokens"},
                      {"transformer.wpe", "decoder.embed_positions"},
                      {"transformer.h.{}.ln_1", "decoder.layers.{}.self_attention_norm"},
                      {"transformer.h.{}.attn.c_attn", "decoder.layers.{}.self_attention.q_proj", true, {FusedPart::Of::qkv, 0}},
                      {"transformer.h.{}.attn.c_attn", "decoder.layers.{}.self_attention.k_proj", true, {FusedPart::Of::qkv, 1}},
                      {"transformer.h.{}.attn.c_attn", "decoder.layers.{}.self_attention.v_proj", true, {FusedPart::Of::qkv, 2}},
                      {"transformer.h.{}.attn.c_proj", "decoder.layers.{}.self_attention.out_proj", true},
                      {"transformer.h.{}.ln_2", "decoder.layers.{}.feed_forward_norm"},
                      {"transformer.h.{}.mlp.c_fc", "decoder.layers.{}.feed_forward.fc1", true},
                      {"transformer.h.{}.mlp.c_proj", "decoder.layers.{}.feed_forward.fc2", true},
                      {"transformer.ln_f", "decoder.final_norm"},
                      {"lm_head", "output"}},
          .copies = {{"lm_head.weight", "embed_tokens.weight"}},
          .ignored = {"transformer.h.{}.attn.bias", "transformer.h.{}.attn.masked_bias"}};
}

}  // namespace qkv
