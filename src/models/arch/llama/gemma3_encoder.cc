// Gemma 3 as an encoder (EmbeddingGemma; Vera et al. 2025, transformers' Gemma3TextModel): its layers without an output layer, attending in
// both directions, where "sliding_window" is the width of a window around each token.

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/encoders/encoder_family.h"
#include "models/arch/llama/gemma3.h"

namespace qkv {
namespace {

TransformerConfig read_config(const ConfigReader& in) {
  TransformerConfig network = read_gemma3_layers(in);
  const bool both = in.boolean("use_bidirectional_attention", false);
  network.kind = Kind::encoder_only;
  network.head = Head::none;
  network.logit_soft_cap = 0;  // there are no logits
  std::swap(network.encoder, network.decoder);
  for (LayerConfig& layer : network.encoder) {
    AttentionConfig& attention = layer.attention;
    attention.causal = !both;
    if (both && attention.window > 0) attention.window = attention.window / 2 + 1;
  }
  keep_text_ends(in, 2, 1, network);
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  if (network.kind != Kind::encoder_only || network.head != Head::none || network.encoder.empty()) {
    fail(ErrorCode::unsupported, "the class is an encoder without a head");
  }
  TransformerConfig decoder = network;
  decoder.kind = Kind::decoder_only;
  std::swap(decoder.encoder, decoder.decoder);
  const bool both = !decoder.decoder.front().attention.causal;
  for (LayerConfig& layer : decoder.decoder) {
    if (both && layer.attention.window > 0) layer.attention.window = std::max(1, 2 * (layer.attention.window - 1));
  }
  write_gemma3_layers(decoder, out);
  out["use_bidirectional_attention"] = both;
  write_text_ends(network, out);
}

const std::vector<WeightName>& names() {
  static const std::vector<WeightName> names = {
      {"embed_tokens", "embed_tokens"},
      {"layers.{}.input_layernorm", "encoder.layers.{}.self_attention_norm"},
      {"layers.{}.self_attn.q_proj", "encoder.layers.{}.self_attention.q_proj"},
      {"layers.{}.self_attn.k_proj", "encoder.layers.{}.self_attention.k_proj"},
      {"layers.{}.self_attn.v_proj", "encoder.layers.{}.self_attention.v_proj"},
      {"layers.{}.self_attn.o_proj", "encoder.layers.{}.self_attention.out_proj"},
      {"layers.{}.self_attn.q_norm", "encoder.layers.{}.self_attention.q_norm"},
      {"layers.{}.self_attn.k_norm", "encoder.layers.{}.self_attention.k_norm"},
      {"layers.{}.post_attention_layernorm", "encoder.layers.{}.self_attention_output_norm"},
      {"layers.{}.pre_feedforward_layernorm", "encoder.layers.{}.feed_forward_norm"},
      {"layers.{}.mlp.gate_proj", "encoder.layers.{}.feed_forward.gate"},
      {"layers.{}.mlp.up_proj", "encoder.layers.{}.feed_forward.fc1"},
      {"layers.{}.mlp.down_proj", "encoder.layers.{}.feed_forward.fc2"},
      {"layers.{}.post_feedforward_layernorm", "encoder.layers.{}.feed_forward_output_norm"},
      {"norm", "encoder.final_norm"},
  };
  return names;
}

}  // namespace

std::vector<Architecture> gemma3_encoder_family() {
  Architecture architecture{.class_name = "Gemma3TextModel",
                            .model_type = "gemma3_text",
                            .read_config = read_config,
                            .write_config = write_config,
                            .base_prefix = "model.",
                            .weights = names(),
                            .ignored = {"lm_head.weight"},
                            .rounds_embedding_scale = true};
  for (WeightName& name : architecture.weights) name.less_one = name.ours.ends_with("norm");
  return {architecture};
}

}  // namespace qkv
