// Shared by Llama and the many decoders that took over its names of keys and weights: rotary positions, a norm before each sub-layer.
#pragma once

#include "models/arch/decoders.h"
#include "models/architecture.h"
#include "models/rope_config.h"

namespace qkv {

// Keys that differ between the classes.
struct LlamaFamilyKeys {
  std::string_view activation = "hidden_act";  // empty: the class reads it
  std::string_view epsilon = "rms_norm_eps";
  bool partial_rope = false;  // the class may rotate a part of each head
};

// Defaults that differ between the classes.
struct LlamaFamilyDefaults {
  int vocab_size = 32000;
  int hidden_size = 4096, num_layers = 32, num_heads = 32;
  int intermediate_size = 0;
  int num_key_value_heads = 0;  // 0: as many as query heads
  int max_position_embeddings = 0;
  int head_dim = 0;                        // 0: hidden_size / num_attention_heads
  int bos_token_id = 1, eos_token_id = 2;  // -1: none
  Activation activation = Activation::silu;
  bool gated = true;
  NormConfig norm = {NormKind::rms, 1e-6f, false};
  bool tied = false;
  RopeRules rope = {};  // without sizes, which follow from the other keys
  LlamaFamilyKeys keys = {};
};
// All layers alike; each class changes them.
TransformerConfig read_llama_family_config(const ConfigReader& in, const LlamaFamilyDefaults& defaults);
// Reads "attention_bias" of all four projections and "mlp_bias", which are false without a key.
void read_biases(const ConfigReader& in, TransformerConfig& network);

// The keys that read_llama_family_config reads, of the first layer.
void write_llama_family_config(const TransformerConfig& network, nlohmann::ordered_json& out, const LlamaFamilyKeys& keys = {});
void write_biases(const TransformerConfig& network, nlohmann::ordered_json& out);

// An Architecture with the names of the weights, of which the class has some others.
Architecture llama_family(std::string_view class_name, std::string_view model_type, const std::vector<WeightName>& other_names = {});

// The text part of a model that also reads images: its config.json has the text's keys in "text_config", and its weights stand beside those
// of the other parts, which are not read. What is written is the class of the text alone.
Architecture text_part_of(const Architecture& text, std::string_view class_name, std::string_view model_type);
// `network` as "text_config" says it, with what the keys around it say.
TransformerConfig read_text_part(const ConfigReader& in, const ConfigReader& text, TransformerConfig network);

// The names of norms of q and k, "q_norm" and "k_norm" in most classes.
std::vector<WeightName> qk_norm_names(const std::string& q_norm = "q_norm", const std::string& k_norm = "k_norm");

}  // namespace qkv
