// BERT and its successors: what their config.json and the names of their weights have in common.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "models/architecture.h"
#include "nn/uniform_config.h"

namespace qkv {

// Values of missing keys.
struct EncoderDefaults {
  int vocab_size = 30522, hidden_size = 768, layers = 12, heads = 12, ffn_size = 3072;
  Activation activation = Activation::gelu;
  float dropout = 0.1f;
  int token_types = 2;
  int max_position_embeddings = 512;
  float epsilon = 1e-12f;
};

// Reads every key but those of the head; with token_types 0 in `defaults` the class has no token types.
UniformConfig read_encoder(const ConfigReader& in, const EncoderDefaults& defaults = {});
void write_encoder(const UniformConfig& config, nlohmann::ordered_json& out);

// Refuses keys that ask for what no class here has: decoders, cross-attention, other positions, untied output layers.
void refuse_other_networks(const ConfigReader& in, Head head);

// Sets the head and reads its keys except the dropout.
void read_head(const ConfigReader& in, Head head, UniformConfig& config);
void write_head(const TransformerConfig& config, nlohmann::ordered_json& out);

// The ids of the first and last token of a text, which only tokenizers use: kept with the network, so that files keep them.
void keep_text_ends(const ConfigReader& in, int first, int last, UniformConfig& config);
void keep_text_ends(const ConfigReader& in, int first, int last, TransformerConfig& config);
void write_text_ends(const TransformerConfig& config, nlohmann::ordered_json& out);

// The network as one whose head has the activation of the layers. Classes whose head has GELU whatever their layers have read and write
// that with these.
TransformerConfig with_gelu_head(TransformerConfig network);
UniformConfig without_gelu_head(TransformerConfig network);

// Names of weights that begin with the prefix of the model without a head, followed by those of the head.
std::vector<WeightName> names_of(std::string_view prefix, const std::vector<WeightName>& base, std::vector<WeightName> head = {});
// BERT's names without that prefix.
const std::vector<WeightName>& bert_names();

}  // namespace qkv
