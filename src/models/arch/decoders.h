// What all decoders without an encoder have in common.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "models/config_reader.h"
#include "nn/transformer_config.h"

namespace qkv {

// The causal attention of heads that share hidden_size; all four projections have a bias or none.
AttentionConfig causal_attention(int hidden_size, int num_heads, int num_key_value_heads, bool bias);
void set_attention_bias(AttentionConfig& attention, bool bias);

// A decoder of `layers` such layers with a norm behind the last one. Throws if the number is impossible.
TransformerConfig decoder_of(const LayerConfig& layer, int layers, int vocab_size, int hidden_size);

// The first layer of a decoder alone, from which writers take what all layers share. Throws (unsupported) for other networks.
const LayerConfig& first_decoder_layer(const TransformerConfig& network);

// The keys of GPT-2's config.json, which other classes have, too; `layer` has all that they do not say.
struct Gpt2Defaults {
  int vocab_size = 50257, n_embd = 768, n_layer = 12, n_head = 12, n_positions = 1024;
  float dropout = 0.1f;
  int bos_and_eos_token_id = 50256;
};
TransformerConfig read_gpt2_keys(const ConfigReader& in, const Gpt2Defaults& defaults, LayerConfig layer = {});
void write_gpt2_keys(const TransformerConfig& network, nlohmann::ordered_json& out);

}  // namespace qkv
