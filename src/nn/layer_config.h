// One Transformer layer as a value: what its attention, its feed-forward network and its norms do. A stack is a list of these.
#pragma once

#include <cstdint>
#include <optional>

#include "kernels/params.h"
#include "nn/rotary_positions.h"

namespace qkv {

enum class NormKind : uint8_t { layer, rms };

struct NormConfig {
  NormKind kind = NormKind::layer;
  float epsilon = 1e-5f;
  bool bias = true;  // NormKind::rms has none

  bool operator==(const NormConfig&) const = default;
};

// Where the norms of a layer stand: after each residual sum, before each sub-layer, or nowhere.
enum class NormPlace : uint8_t { post, pre, none };

// A term that is added to the scores by the distance of query and key.
enum class DistanceBias : uint8_t {
  none,
  alibi,  // a fixed slope per head (Press et al. 2022)
  t5,     // a learned bias per head and bucket of distances, one table a stack (Raffel et al. 2020)
};

// The buckets of DistanceBias::t5: half of them hold one distance each, the others grow up to max_distance.
struct RelativeBuckets {
  int count = 32, max_distance = 128;

  bool operator==(const RelativeBuckets&) const = default;
};

// Multi-head attention (Vaswani et al. 2017, section 3.2.2).
struct AttentionConfig {
  int num_heads = 8;
  int num_key_value_heads = 8;  // fewer: grouped-query attention (Ainslie et al. 2023), 1: multi-query (Shazeer 2019)
  int head_dim = 64;            // columns of a head; num_heads * head_dim need not be hidden_size
  bool q_bias = true, k_bias = true, v_bias = true, out_bias = true;
  bool causal = false;
  int window = 0;                     // keys less than this away are seen (Beltagy et al. 2020); 0: at any distance
  float scale = 0;                    // of the scores; 0: 1 / sqrt(head_dim)
  float soft_cap = 0;                 // scores become soft_cap * tanh(score / soft_cap); 0: they stay
  std::optional<NormConfig> qk_norm;  // of each head of q and of k, before rotation (Henry et al. 2020); one weight for all heads
  std::optional<RopeOptions> rope;    // q and k turn with the position (Su et al. 2021)
  DistanceBias distance_bias = DistanceBias::none;
  float dropout = 0;  // of the attention weights

  bool operator==(const AttentionConfig&) const = default;
  int query_size() const { return num_heads * head_dim; }
  int key_value_size() const { return num_key_value_heads * head_dim; }
};

// FFN(x) = W_2 activation(W_1 x) (Vaswani et al. 2017, eq. 2); gated: W_2 (activation(W_g x) * W_1 x) (Shazeer 2020, eq. 6).
struct FeedForwardConfig {
  int size = 2048;  // of the inner rows
  Activation activation = Activation::relu;
  bool gated = false;  // with silu SwiGLU, with gelu GEGLU
  bool bias = true;
  float dropout = 0;  // of the inner rows

  bool operator==(const FeedForwardConfig&) const = default;
};

struct LayerConfig {
  AttentionConfig attention;
  std::optional<AttentionConfig> cross_attention;  // of a decoder that reads an encoder's output
  FeedForwardConfig feed_forward;
  NormPlace norm_place = NormPlace::post;
  NormConfig norm;
  float dropout = 0;  // of each sub-layer's output, before it is added

  bool operator==(const LayerConfig&) const = default;
};

}  // namespace qkv
