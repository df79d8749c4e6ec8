// What differs between Transformers. Names follow Hugging Face's config.json where it has one.
#pragma once

#include <cstdint>

#include "kernels/params.h"

namespace qkv {

enum class NormPosition : uint8_t { post, pre };

struct TransformerConfig {
  int vocab_size = 0;
  int hidden_size = 512;  // d_model
  int encoder_layers = 6, decoder_layers = 6;
  int num_attention_heads = 8;
  int num_key_value_heads = 8;
  int encoder_ffn_dim = 2048, decoder_ffn_dim = 2048;
  Activation activation = Activation::relu;
  NormPosition norm_position = NormPosition::post;
  float layer_norm_epsilon = 1e-5f;
  bool scale_embedding = true;         // embeddings times sqrt(hidden_size) (Vaswani et al. 2017, section 3.4)
  bool final_logits_bias = true;       // a vector added to the logits, not trained
  int max_position_embeddings = 1024;  // sinusoids in halves: sines first, then cosines
  float dropout = 0.1f, attention_dropout = 0, activation_dropout = 0;

  int pad_token_id = 0, eos_token_id = 0, decoder_start_token_id = 0;

  int head_dim() const { return hidden_size / num_attention_heads; }
};

// Throws with the option's name, its value and the possible ones where the numbers do not fit together.
void validate(const TransformerConfig& config);

}  // namespace qkv
