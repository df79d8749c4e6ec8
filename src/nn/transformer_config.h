// What differs between Transformers. Names follow Hugging Face's config.json where it has one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/params.h"
#include "nn/rotary_positions.h"

namespace qkv {

enum class Kind : uint8_t { encoder_decoder, decoder_only, encoder_only };

// What an encoder alone predicts (nn/heads.h); with a decoder it is always the next token.
enum class Head : uint8_t { masked_lm, classification };

enum class NormPosition : uint8_t { post, pre };
enum class NormKind : uint8_t { layer, rms };

// How the network is told where a token stands.
enum class Position : uint8_t {
  none,
  sinusoidal,  // added to the embeddings: sines and cosines in halves (Vaswani et al. 2017, section 3.5)
  learned,     // added to the embeddings: a table for each stack (Gehring et al. 2017)
  rope,        // q and k of self-attention turn with the position (Su et al. 2021)
  alibi,       // scores of self-attention fall with the distance, by a fixed slope per head (Press et al. 2022)
  t5,          // scores of self-attention get a learned bias per head and bucket of distances, one table a stack (Raffel et al. 2020)
};

struct TransformerConfig {
  Kind kind = Kind::encoder_decoder;
  int vocab_size = 0;
  int hidden_size = 512;                       // d_model
  int encoder_layers = 6, decoder_layers = 6;  // 0 where there is no such stack
  int num_attention_heads = 8;
  int num_key_value_heads = 8;  // fewer: grouped-query attention (Ainslie et al. 2023), 1: multi-query (Shazeer 2019)
  int encoder_ffn_dim = 2048, decoder_ffn_dim = 2048;
  Activation activation = Activation::relu;
  bool gated_ffn = false;  // with silu SwiGLU, with gelu GEGLU (Shazeer 2020)
  NormPosition norm_position = NormPosition::post;
  NormKind norm = NormKind::layer;
  float layer_norm_epsilon = 1e-5f;
  bool linear_bias = true;  // of every linear layer but the output's
  Position position = Position::sinusoidal;
  RopeOptions rope;                                                                // of Position::rope; rotary_dim 0: the whole head
  int relative_attention_num_buckets = 32, relative_attention_max_distance = 128;  // of Position::t5
  int sliding_window = 0;              // self-attention sees keys less than this away (Beltagy et al. 2020); 0: at any distance
  bool scale_embedding = true;         // embeddings times sqrt(hidden_size) (Vaswani et al. 2017, section 3.4)
  bool tie_word_embeddings = true;     // the output layer is the embedding (Press and Wolf 2017)
  bool final_logits_bias = true;       // a vector added to the logits, not trained
  int max_position_embeddings = 1024;  // longest sequence of a side
  // Of Kind::encoder_only (Devlin et al. 2018).
  Head head = Head::masked_lm;
  int num_labels = 2;            // of Head::classification
  float classifier_dropout = 0;  // before its last layer
  int token_types = 0;           // rows of a table that is added to the embeddings by the text that a token is of; 0: none
  bool embedding_norm = false;   // a norm on the embeddings, before their dropout
  float initializer_range = 0;   // weights start normal with this deviation as GPT-2's; 0: Xavier, embeddings hidden_size^-0.5
  float dropout = 0.1f, attention_dropout = 0, activation_dropout = 0;

  int pad_token_id = 0;                // only transformers pads; -1: none
  std::vector<int32_t> eos_token_ids;  // any of them ends a text; empty: none does
  int decoder_start_token_id = 0;      // read before the first token that is written; -1: none, a decoder alone then needs a prompt

  bool is_eos(int32_t id) const { return std::find(eos_token_ids.begin(), eos_token_ids.end(), id) != eos_token_ids.end(); }
  int head_dim() const { return hidden_size / num_attention_heads; }
  bool has_encoder() const { return kind != Kind::decoder_only; }
  bool has_decoder() const { return kind != Kind::encoder_only; }
};

// Throws with the option's name, its value and the possible ones where the numbers do not fit together.
void validate(const TransformerConfig& config);

}  // namespace qkv
