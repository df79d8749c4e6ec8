// GPTBigCode (Ben Allal et al. 2023, transformers' modeling_gpt_bigcode; SantaCoder, StarCoder): GPT-2 with one head of keys and values.

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/decoders.h"

namespace qkv {
namespace {

TransformerConfig read_config(const ConfigReader& in) {
  in.expect("add_cross_attention", false, "a decoder with cross-attention");
  TransformerConfig network = read_gpt2_keys(in, {});
  network.position_table = PositionTable::learned;
  network.tie_word_embeddings = in.boolean("tie_word_embeddings", true);
  const bool one = in.boolean("multi_query", true), scaled = in.boolean("scale_attn_weights", true);
  for (LayerConfig& layer : network.decoder) {
    if (one) layer.attention.num_key_value_heads = 1;
    if (!scaled) layer.attention.scale = 1;
  }
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const LayerConfig& layer = first_decoder_layer(network);
  write_gpt2_keys(network, out);
  out["multi_query"] = layer.attention.num_key_value_heads == 1;
  out["scale_attn_weights"] = layer.attention.scale != 1;
}

// One group of all queries with their key and value, or a group for each head.
WeightName part(int index, std::string_view ours) {
  return {.theirs = "transformer.h.{}.attn.c_attn", .ours = ours, .part = {FusedPart::Of::qkv, index, FusedPart::Order::per_group}};
}

}  // namespace

Architecture gpt_bigcode() {
  return {.class_name = "GPTBigCodeForCausalLM",
          .model_type = "gpt_bigcode",
          .read_config = read_config,
          .write_config = write_config,
          .base_prefix = "transformer.",
          .weights = {{"transformer.wte", "embed_tokens"},
                      {"transformer.wpe", "decoder.embed_positions"},
                      {"transformer.h.{}.ln_1", "decoder.layers.{}.self_attention_norm"},
                      part(0, "decoder.layers.{}.self_attention.q_proj"),
                      part(1, "decoder.layers.{}.self_attention.k_proj"),
                      part(2, "decoder.layers.{}.self_attention.v_proj"),
                      {"transformer.h.{}.attn.c_proj", "decoder.layers.{}.self_attention.out_proj"},
                      {"transformer.h.{}.ln_2", "decoder.layers.{}.feed_forward_norm"},
                      {"transformer.h.{}.mlp.c_fc", "decoder.layers.{}.feed_forward.fc1"},
                      {"transformer.h.{}.mlp.c_proj", "decoder.layers.{}.feed_forward.fc2"},
                      {"transformer.ln_f", "decoder.final_norm"},
                      {"lm_head", "output"}},
          .copies = {{"lm_head.weight", "embed_tokens.weight"}},
          .ignored = {"transformer.h.{}.attn.bias", "transformer.h.{}.attn.masked_bias"}};
}

}  // namespace qkv
