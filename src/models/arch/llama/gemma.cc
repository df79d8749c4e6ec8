// Gemma 1, 2 and 3 (Gemma Team 2024 and 2025, transformers' modeling_gemma, modeling_gemma2 and the text part of modeling_gemma3): Llama
// with scaled embeddings and norms whose weights are stored less one. Gemma 2 has norms before and after each sub-layer, windows and soft
// caps; Gemma 3 has norms of q and k and other rotations in the layers with a window. Its encoder (EmbeddingGemma) is gemma3_encoder.cc.
#include <algorithm>
#include <cmath>

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/llama/gemma3.h"
#include "models/arch/llama/llama_family.h"
#include "models/json_numbers.h"
#include "models/layer_types.h"

namespace qkv {
namespace {

TransformerConfig read_family(const ConfigReader& in, LlamaFamilyDefaults defaults) {
  defaults.head_dim = 256;
  defaults.bos_token_id = 2;
  defaults.eos_token_id = 1;
  defaults.activation = Activation::gelu_tanh;
  defaults.tied = true;
  TransformerConfig network = read_llama_family_config(in, defaults);
  network.embedding_scale = std::sqrt(static_cast<float>(network.hidden_size));
  read_biases(in, network);
  return network;
}

void write_family(const TransformerConfig& network, nlohmann::ordered_json& out, const LlamaFamilyKeys& keys) {
  write_llama_family_config(network, out, keys);
  out["attention_bias"] = network.decoder.front().attention.q_bias;
}

void refuse_both_directions(const ConfigReader& in) { in.expect("use_bidirectional_attention", false, "attention in both directions"); }

TransformerConfig read_gemma(const ConfigReader& in) {
  refuse_both_directions(in);
  TransformerConfig network = read_family(in, {.vocab_size = 256000,
                                               .hidden_size = 3072,
                                               .num_layers = 28,
                                               .num_heads = 16,
                                               .intermediate_size = 24576,
                                               .num_key_value_heads = 16,
                                               .max_position_embeddings = 8192});
  for (LayerConfig& layer : network.decoder) {  // the first files said "gelu" and meant the tanh form
    if (layer.feed_forward.activation == Activation::gelu) layer.feed_forward.activation = Activation::gelu_tanh;
  }
  return network;
}

void write_gemma(const TransformerConfig& network, nlohmann::ordered_json& out) { write_family(network, out, {}); }

constexpr LlamaFamilyKeys kLaterKeys{.activation = "hidden_activation"};

LlamaFamilyDefaults later_defaults(int vocab_size, int max_position_embeddings) {
  return {.vocab_size = vocab_size,
          .hidden_size = 2304,
          .num_layers = 26,
          .num_heads = 8,
          .intermediate_size = 9216,
          .num_key_value_heads = 4,
          .max_position_embeddings = max_position_embeddings,
          .keys = kLaterKeys};
}

// Norms on both sides of each sub-layer, scales and soft caps. A soft cap of null is none.
void read_later(const ConfigReader& in, float attention_cap, float final_cap, TransformerConfig& network) {
  const auto cap = [&](std::string_view key, float fallback) { return in.given(key) ? in.number(key, 0) : fallback; };
  const float scale = 1 / std::sqrt(static_cast<float>(in.integer("query_pre_attn_scalar", 256)));
  for (LayerConfig& layer : network.decoder) {
    layer.norm_place = NormPlace::sandwich;
    layer.attention.scale = scale;
    layer.attention.soft_cap = cap("attn_logit_softcapping", attention_cap);
  }
  network.logit_soft_cap = cap("final_logit_softcapping", final_cap);
}

void write_later(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const AttentionConfig& attention = first_decoder_layer(network).attention;
  const auto number_or_null = [](float value) {
    return value > 0 ? nlohmann::ordered_json(shortest(value)) : nlohmann::ordered_json(nullptr);
  };
  write_family(network, out, kLaterKeys);
  write_layer_types(network, out);
  out["attn_logit_softcapping"] = number_or_null(attention.soft_cap);
  out["final_logit_softcapping"] = number_or_null(network.logit_soft_cap);
  out["query_pre_attn_scalar"] = attention.scale > 0 ? std::lround(1 / (attention.scale * attention.scale)) : attention.head_dim;
}

TransformerConfig read_gemma2(const ConfigReader& in) {
  refuse_both_directions(in);
  TransformerConfig network = read_family(in, later_defaults(256000, 8192));
  read_later(in, 50, 30, network);
  read_layer_types(in, network, read_sliding_window(in, 4096), [](size_t layer) { return layer % 2 == 0; });
  return network;
}

}  // namespace

TransformerConfig read_gemma3_layers(const ConfigReader& in) {
  LlamaFamilyDefaults defaults = later_defaults(262208, 131072);
  defaults.rope = {.theta = 1e6, .layer_type = kFullAttention};
  TransformerConfig network = read_family(in, defaults);
  read_later(in, 0, 0, network);
  const auto period = static_cast<size_t>(std::max(1, in.integer("sliding_window_pattern", 6)));
  in.given("_sliding_window_pattern");  // transformers' copy of that key, beside "layer_types"
  read_layer_types(in, network, read_sliding_window(in, 4096), [&](size_t layer) { return (layer + 1) % period != 0; });
  read_sliding_rope(in, in.number("rope_local_base_freq", 10000), network);
  for (LayerConfig& layer : network.decoder) {
    layer.attention.qk_norm = layer.norm;
    layer.attention.soft_cap = 0;  // the class has the key, but does not use it
  }
  return network;
}

void write_gemma3_layers(const TransformerConfig& network, nlohmann::ordered_json& out) {
  write_later(network, out);
  write_nested_rope(network, out);
}

namespace {

TransformerConfig read_gemma3(const ConfigReader& in) {
  refuse_both_directions(in);
  return read_gemma3_layers(in);
}

TransformerConfig read_gemma3_vl(const ConfigReader& in) {
  const ConfigReader text = in.object("text_config");
  return read_text_part(in, text, read_gemma3(text));
}

Architecture family(std::string_view class_name, std::string_view model_type, const std::vector<WeightName>& names = {}) {
  Architecture architecture = llama_family(class_name, model_type, names);
  for (WeightName& name : architecture.weights) name.less_one = name.ours.ends_with("norm");
  architecture.rounds_embedding_scale = true;
  return architecture;
}

std::vector<WeightName> sandwich_names() {
  return {{"model.layers.{}.post_attention_layernorm", "decoder.layers.{}.self_attention_output_norm"},
          {"model.layers.{}.pre_feedforward_layernorm", "decoder.layers.{}.feed_forward_norm"},
          {"model.layers.{}.post_feedforward_layernorm", "decoder.layers.{}.feed_forward_output_norm"}};
}

}  // namespace

Architecture gemma() {
  Architecture architecture = family("GemmaForCausalLM", "gemma");
  architecture.read_config = read_gemma;
  architecture.write_config = write_gemma;
  return architecture;
}

Architecture gemma2() {
  Architecture architecture = family("Gemma2ForCausalLM", "gemma2", sandwich_names());
  architecture.read_config = read_gemma2;
  architecture.write_config = write_later;
  return architecture;
}

Architecture gemma3() {
  std::vector<WeightName> names = sandwich_names();
  for (const WeightName& name : qk_norm_names()) names.push_back(name);
  Architecture architecture = family("Gemma3ForCausalLM", "gemma3_text", names);
  architecture.read_config = read_gemma3;
  architecture.write_config = write_gemma3_layers;
  return architecture;
}

Architecture gemma3_vl() {
  Architecture architecture = text_part_of(gemma3(), "Gemma3ForConditionalGeneration", "gemma3");
  architecture.read_config = read_gemma3_vl;
  return architecture;
}

}  // namespace qkv
