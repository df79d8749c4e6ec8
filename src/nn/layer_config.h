// The configuration of one Transformer layer: its attention, feed-forward network and norms. A stack is a list of these.
#pragma once

#include <cstdint>
#include <optional>

#include "kernels/params.h"
#include "nn/rotary_positions.h"

namespace qkv {

enum class Side : uint8_t { encoder, decoder };

enum class NormKind : uint8_t { layer, rms };

struct NormConfig {
  NormKind kind = NormKind::layer;
  float epsilon = 1e-5f;
  bool bias = true;  // false for NormKind::rms

  bool operator==(const NormConfig&) const = default;
};

// The places of the norms of each sub-layer f of a layer.
enum class NormPlace : uint8_t {
  post,      // Norm(x + f(x)) (Vaswani et al. 2017)
  pre,       // x + f(Norm(x)) (Xiong et al. 2020)
  none,      // x + f(x)
  output,    // x + Norm(f(x)) (Walsh et al. 2024, OLMo 2)
  sandwich,  // x + Norm'(f(Norm(x))) (Ding et al. 2021)
};

// What the feed-forward network of a layer reads.
enum class LayerOrder : uint8_t {
  sequential,       // the sum behind the attention, through a norm of its own
  parallel,         // the layer's input, through a norm of its own (Black et al. 2022, GPT-NeoX)
  parallel_shared,  // what the attention reads (Wang and Komatsuzaki 2021, GPT-J)
};

// What the norms of q and k apply to.
enum class QkNormPlace : uint8_t {
  head,          // each head before rotation (Henry et al. 2020); heads share one weight
  rotated_head,  // likewise, after rotation
  projection,    // all heads together, before rotation (Walsh et al. 2024, OLMo 2)
  own_head,      // each head before rotation, with a weight for each of them (StableLM)
};

// A term added to the scores that depends on the distance between query and key.
enum class DistanceBias : uint8_t {
  none,
  alibi,         // a fixed slope per head (Press et al. 2022)
  t5,            // a learned bias per head and bucket of distances, one table per stack (Raffel et al. 2020)
  t5_per_layer,  // as t5, with a table in each layer (Chung et al. 2023)
};

constexpr bool has_buckets(DistanceBias bias) { return bias == DistanceBias::t5 || bias == DistanceBias::t5_per_layer; }

// The buckets of DistanceBias::t5 and t5_per_layer: half of them hold a single distance each, the others grow up to max_distance.
struct RelativeBuckets {
  int count = 32, max_distance = 128;

  bool operator==(const RelativeBuckets&) const = default;
};

// Disentangled attention (He et al. 2021, section 3.1): scores also depend on learned relative positions (RelativeTable), as a query of the
// content meets a key of the position and the other way round.
struct DisentangledConfig {
  bool content_to_position = true;  // a query also meets the position of the key
  bool position_to_content = true;  // a key also meets the position of the query
  bool own_projections = false;     // positions have matrices of their own; false: they share W_Q and W_K
  float dropout = 0;                // dropout of the table's rows, in each layer

  bool operator==(const DisentangledConfig&) const = default;
};

// The relative positions of disentangled attention: a table with rows for distances in both directions.
struct RelativeTable {
  int max_distance = 512;  // no row lies farther away
  // Rows of a direction: half of them for a single distance each, the others for distances that grow by a factor (transformers'
  // make_log_bucket_position). 0: a row for each distance.
  int buckets = 0;
  std::optional<NormConfig> norm;  // of each row

  bool operator==(const RelativeTable&) const = default;
  int span() const { return buckets > 0 ? buckets : max_distance; }
};

// Multi-head attention (Vaswani et al. 2017, section 3.2.2).
struct AttentionConfig {
  int num_heads = 8;
  int num_key_value_heads = 8;  // fewer than num_heads: grouped-query attention (Ainslie et al. 2023), 1: multi-query (Shazeer 2019)
  int head_dim = 64;            // columns of a head; num_heads * head_dim need not be hidden_size
  bool q_bias = true, k_bias = true, v_bias = true, out_bias = true;
  bool causal = false;
  int window = 0;                     // only keys closer than this are visible (Beltagy et al. 2020); 0: no limit
  float clip = 0;                     // values of q, k and v are limited to [-clip, clip], before norms and rotation; 0: no limit
  float scale = 0;                    // factor of the scores; 0: 1 / sqrt(head_dim)
  float soft_cap = 0;                 // scores become soft_cap * tanh(score / soft_cap); 0: unchanged
  std::optional<NormConfig> qk_norm;  // norms of q and k
  QkNormPlace qk_norm_place = QkNormPlace::head;
  std::optional<RopeOptions> rope;  // rotary positions of q and k (Su et al. 2021)
  DistanceBias distance_bias = DistanceBias::none;
  std::optional<DisentangledConfig> disentangled;
  float dropout = 0;  // dropout of the attention weights

  bool operator==(const AttentionConfig&) const = default;
  int query_size() const { return num_heads * head_dim; }
  int key_value_size() const { return num_key_value_heads * head_dim; }
};

// FFN(x) = W_2 activation(W_1 x) (Vaswani et al. 2017, eq. 2); gated: W_2 (activation(W_g x) * W_1 x) (Shazeer 2020, eq. 6).
struct FeedForwardConfig {
  int size = 2048;  // columns of the inner rows
  Activation activation = Activation::relu;
  bool gated = false;  // SwiGLU with silu, GEGLU with gelu
  bool bias = true;
  float dropout = 0;       // dropout of the inner rows
  bool inner_bias = true;  // false: of the biases only W_2's is there
  bool xielu = false;      // xIELU with learned factors (Huang and Schlag 2024) takes the place of `activation`; not if gated

  bool operator==(const FeedForwardConfig&) const = default;
};

// A convolution over a layer's input x, beside the layer, whose output y becomes Norm(y + activation(conv(x))): the "nGiE" of DeBERTa v2.
struct ConvolutionConfig {
  int width = 3;  // odd; the window is centred
  Activation activation = Activation::tanh;
  int groups = 1;  // parts of the columns that are convolved apart

  bool operator==(const ConvolutionConfig&) const = default;
};

struct LayerConfig {
  AttentionConfig attention;
  std::optional<AttentionConfig> cross_attention;  // in a decoder that reads an encoder's output
  FeedForwardConfig feed_forward;
  NormPlace norm_place = NormPlace::post;
  bool attention_norm = true;  // false: self-attention has no norm, as in ModernBERT's first layer
  LayerOrder order = LayerOrder::sequential;
  std::optional<ConvolutionConfig> convolution;  // of an encoder's layer
  NormConfig norm;
  float residual_scale = 1;  // factor of each sub-layer's output, before the residual addition (Granite)
  float dropout = 0;         // dropout of each sub-layer's output, before the residual addition

  bool operator==(const LayerConfig&) const = default;
};

}  // namespace qkv
