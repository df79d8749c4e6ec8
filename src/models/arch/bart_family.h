// Shared by the encoder-decoders that transformers derives from BART (Lewis et al. 2020): keys of config.json and names of layers.
#pragma once

#include "models/architecture.h"
#include "nn/uniform_config.h"

namespace qkv {

// Defaults in which the classes differ.
struct BartFamilyDefaults {
  int vocab_size = 50265;
  Activation activation = Activation::gelu;
  bool scale_embedding = false;
  float attention_dropout = 0;
};

UniformConfig read_family_config(const ConfigReader& in, const BartFamilyDefaults& defaults = {});
// Requires sinusoidal positions and no norm on the embeddings, as in Marian and Pegasus.
void expect_plain_sinusoids(const ConfigReader& in);
// Adds learned positions from row 2 on and a norm on the embeddings, as in BART and mBART.
TransformerConfig with_learned_positions(const ConfigReader& in, UniformConfig config);
// The network without position_offset, for writing: such a class has it without a key.
UniformConfig without_offset(TransformerConfig network);
void write_family_config(const UniformConfig& config, nlohmann::ordered_json& out);
std::vector<WeightName> family_weights();
std::vector<WeightName> family_weights_with_final_norms();  // and the norm after the last layer of each stack
std::vector<WeightCopy> family_copies();

}  // namespace qkv
