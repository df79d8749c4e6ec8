// GPT-J (Wang and Komatsuzaki 2021, transformers' modeling_gptj): attention and feed-forward network read one norm's output; a part of each
// head turns in pairs of neighbours; the output layer has a bias.

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/decoders.h"

namespace qkv {
namespace {

TransformerConfig read_config(const ConfigReader& in) {
  LayerConfig layer;
  layer.order = LayerOrder::parallel_shared;
  TransformerConfig network =
      read_gpt2_keys(in, {.vocab_size = 50400, .n_embd = 4096, .n_layer = 28, .n_head = 16, .n_positions = 2048, .dropout = 0}, layer);
  network.output_bias = true;
  network.tie_word_embeddings = in.boolean("tie_word_embeddings", false);
  const int rotary_dim = in.given("rotary_dim") ? in.integer("rotary_dim") : 64;
  for (LayerConfig& each : network.decoder) {
    set_attention_bias(each.attention, false);
    each.attention.rope = RopeOptions{.rotary_dim = rotary_dim, .layout = RotaryPairs::neighbours};
  }
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const LayerConfig& layer = first_decoder_layer(network);
  write_gpt2_keys(network, out);
  out["rotary_dim"] = layer.attention.rope ? layer.attention.rope->rotary_dim : 0;
}

}  // namespace

Architecture gptj() {
  return {.class_name = "GPTJForCausalLM",
          .model_type = "gptj",
          .read_config = read_config,
          .write_config = write_config,
          .base_prefix = "transformer.",
          .weights = {{"transformer.wte", "embed_tokens"},
                      {"transformer.h.{}.ln_1", "decoder.layers.{}.self_attention_norm"},
                      {"transformer.h.{}.attn.q_proj", "decoder.layers.{}.self_attention.q_proj"},
                      {"transformer.h.{}.attn.k_proj", "decoder.layers.{}.self_attention.k_proj"},
                      {"transformer.h.{}.attn.v_proj", "decoder.layers.{}.self_attention.v_proj"},
                      {"transformer.h.{}.attn.out_proj", "decoder.layers.{}.self_attention.out_proj"},
                      {"transformer.h.{}.mlp.fc_in", "decoder.layers.{}.feed_forward.fc1"},
                      {"transformer.h.{}.mlp.fc_out", "decoder.layers.{}.feed_forward.fc2"},
                      {"transformer.ln_f", "decoder.final_norm"},
                      {"lm_head", "output"}},
          .copies = {{"lm_head.weight", "embed_tokens.weight"}},
          .ignored = {"transformer.h.{}.attn.bias", "transformer.h.{}.attn.masked_bias"}};
}

}  // namespace qkv
