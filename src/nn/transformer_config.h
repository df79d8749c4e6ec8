// A Transformer as a value. Names follow Hugging Face's config.json where it has one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "nn/layer_config.h"

namespace qkv {

enum class Kind : uint8_t { encoder_decoder, decoder_only, encoder_only };
enum class Side : uint8_t { encoder, decoder };

// What an encoder alone ends in (nn/heads.h); with a decoder it is always the next token.
enum class Head : uint8_t { masked_lm, classification, pooler };

// What is added to the embeddings by the position.
enum class PositionTable : uint8_t {
  none,
  sinusoidal,  // sines and cosines in halves (Vaswani et al. 2017, section 3.5)
  learned,     // a table for each stack (Gehring et al. 2017)
};

constexpr int kMostLayers = 1024;  // of a stack

struct TransformerConfig {
  Kind kind = Kind::encoder_decoder;
  int vocab_size = 0;
  int hidden_size = 512;                      // d_model
  std::vector<LayerConfig> encoder, decoder;  // empty where there is no such stack
  std::optional<NormConfig> final_norm;       // after the last layer of each stack
  PositionTable position_table = PositionTable::sinusoidal;
  int max_position_embeddings = 1024;  // longest sequence of a side
  RelativeBuckets relative_buckets;
  bool scale_embedding = true;               // embeddings times sqrt(hidden_size) (Vaswani et al. 2017, section 3.4)
  std::optional<NormConfig> embedding_norm;  // on the embeddings, before their dropout
  int token_types = 0;                       // rows of a table that is added to the embeddings by the text that a token is of; 0: none
  bool tie_word_embeddings = true;           // the output layer is the embedding (Press and Wolf 2017)
  bool final_logits_bias = true;             // a vector added to the logits, not trained
  float initializer_range = 0;               // weights start normal with this deviation as GPT-2's; 0: Xavier, embeddings hidden_size^-0.5
  float dropout = 0.1f;                      // of the embeddings

  // Of Kind::encoder_only (Devlin et al. 2018).
  Head head = Head::masked_lm;
  Activation head_activation = Activation::gelu;  // of Head::masked_lm
  NormConfig head_norm;                           // the same
  bool head_bias = true;                          // of the linear layer before the last
  int num_labels = 2;                             // of Head::classification
  float classifier_dropout = 0;                   // before its last layer

  int pad_token_id = 0;                // only transformers pads; -1: none
  std::vector<int32_t> eos_token_ids;  // any of them ends a text; empty: none does
  int decoder_start_token_id = 0;      // read before the first token that is written; -1: none, a decoder alone then needs a prompt

  bool operator==(const TransformerConfig&) const = default;
  bool is_eos(int32_t id) const { return std::find(eos_token_ids.begin(), eos_token_ids.end(), id) != eos_token_ids.end(); }
  bool has_encoder() const { return kind != Kind::decoder_only; }
  bool has_decoder() const { return kind != Kind::encoder_only; }
  const std::vector<LayerConfig>& stack(Side side) const { return side == Side::encoder ? encoder : decoder; }
  std::vector<LayerConfig>& stack(Side side) { return side == Side::encoder ? encoder : decoder; }
};

// Throws with the option's name, its value and the possible ones where the numbers do not fit together.
void validate(const TransformerConfig& config);

}  // namespace qkv
