// A Transformer with identical layers: the form used by training options and qkv's own config.json.
#pragma once

#include "nn/transformer_config.h"

namespace qkv {

// The encoding of token positions.
enum class Position : uint8_t { none, sinusoidal, learned, rope, alibi, t5 };

struct UniformConfig {
  Kind kind = Kind::encoder_decoder;
  int vocab_size = 0;
  int hidden_size = 512;
  int encoder_layers = 6, decoder_layers = 6;  // 0 if the network has no such stack
  int num_attention_heads = 8;
  int num_key_value_heads = 8;
  int head_dim = 0;  // 0: hidden_size / num_attention_heads
  int encoder_ffn_dim = 2048, decoder_ffn_dim = 2048;
  Activation activation = Activation::relu;
  bool gated_ffn = false;
  NormPlace norm_position = NormPlace::post;
  NormKind norm = NormKind::layer;
  float layer_norm_epsilon = 1e-5f;
  bool linear_bias = true;  // bias of every linear layer except the output layer
  bool qkv_bias = false;    // bias of W_Q, W_K and W_V, if linear_bias is false
  bool qk_norm = false;     // with the kind and epsilon of the other norms
  Position position = Position::sinusoidal;
  RopeOptions rope;                  // for Position::rope; rotary_dim 0: the whole head
  RelativeBuckets relative_buckets;  // for Position::t5
  int sliding_window = 0;
  bool scale_embedding = true;
  bool tie_word_embeddings = true;
  bool final_logits_bias = true;
  int max_position_embeddings = 1024;
  int position_offset = 0;
  int embedding_size = 0;
  int layer_groups = 0;
  Head head = Head::masked_lm;
  int num_labels = 2;
  LabelKind label_kind = LabelKind::one;
  float classifier_dropout = 0;
  Activation pooler_activation = Activation::tanh;
  bool dropout_before_pooler = false;
  int token_types = 0;
  bool embedding_norm = false;
  float initializer_range = 0;
  float dropout = 0.1f, attention_dropout = 0, activation_dropout = 0;

  int pad_token_id = 0;
  std::vector<int32_t> eos_token_ids;
  int decoder_start_token_id = 0;

  int head_size() const { return head_dim > 0 ? head_dim : hidden_size / num_attention_heads; }
  bool has_encoder() const { return kind != Kind::decoder_only; }
  bool has_decoder() const { return kind != Kind::encoder_only; }
  // Repeats one LayerConfig.
  operator TransformerConfig() const;
};

// The uniform description of a network with identical layers. Throws (unsupported) if layers differ.
UniformConfig as_uniform(const TransformerConfig& config);

// The settings of the network and its first layer, ignoring differences in other layers and settings that the uniform form lacks.
UniformConfig first_layer_of(const TransformerConfig& config);

// Are all layers identical, so that as_uniform describes the network completely?
bool is_uniform(const TransformerConfig& config);

}  // namespace qkv
