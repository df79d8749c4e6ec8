#include "nn/uniform_config.h"

#include <cmath>

#include "base/error.h"

namespace qkv {
namespace {

NormConfig norm_of(const UniformConfig& c) { return {c.norm, c.layer_norm_epsilon, c.norm == NormKind::layer}; }

AttentionConfig self_attention_of(const UniformConfig& c) {
  AttentionConfig attention;
  attention.num_heads = c.num_attention_heads;
  attention.num_key_value_heads = c.num_key_value_heads;
  const bool divides = c.num_attention_heads > 0 && c.hidden_size % c.num_attention_heads == 0;
  attention.head_dim = c.head_dim > 0 || !divides ? c.head_dim : c.hidden_size / c.num_attention_heads;  // validate() rejects 0
  attention.q_bias = attention.k_bias = attention.v_bias = c.linear_bias || c.qkv_bias;
  attention.out_bias = c.linear_bias;
  attention.window = c.sliding_window;
  attention.dropout = c.attention_dropout;
  if (c.qk_norm) attention.qk_norm = norm_of(c);
  if (c.position == Position::rope) {
    attention.rope = c.rope;
    if (c.rope.rotary_dim == 0) attention.rope->rotary_dim = attention.head_dim;
  }
  if (c.position == Position::alibi) attention.distance_bias = DistanceBias::alibi;
  if (c.position == Position::t5) attention.distance_bias = DistanceBias::t5;
  return attention;
}

LayerConfig layer_of(const UniformConfig& c, Side side) {
  LayerConfig layer;
  layer.attention = self_attention_of(c);
  layer.attention.causal = side == Side::decoder;
  if (side == Side::decoder && c.has_encoder()) {
    layer.cross_attention = self_attention_of(c);
    layer.cross_attention->window = 0;
    layer.cross_attention->rope.reset();
    layer.cross_attention->distance_bias = DistanceBias::none;
  }
  layer.feed_forward = {side == Side::encoder ? c.encoder_ffn_dim : c.decoder_ffn_dim, c.activation, c.gated_ffn, c.linear_bias,
                        c.activation_dropout};
  layer.norm_place = c.norm_position;
  layer.norm = norm_of(c);
  layer.dropout = c.dropout;
  return layer;
}

// Copies the fields that both forms share.
template <typename From, typename To>
void copy_common(const From& from, To& to) {
  to.kind = from.kind;
  to.vocab_size = from.vocab_size;
  to.hidden_size = from.hidden_size;
  to.relative_buckets = from.relative_buckets;
  to.tie_word_embeddings = from.tie_word_embeddings;
  to.final_logits_bias = from.final_logits_bias;
  to.max_position_embeddings = from.max_position_embeddings;
  to.position_offset = from.position_offset;
  to.embedding_size = from.embedding_size;
  to.layer_groups = from.layer_groups;
  to.head = from.head;
  to.num_labels = from.num_labels;
  to.label_kind = from.label_kind;
  to.classifier_dropout = from.classifier_dropout;
  to.pooler_activation = from.pooler_activation;
  to.dropout_before_pooler = from.dropout_before_pooler;
  to.token_types = from.token_types;
  to.initializer_range = from.initializer_range;
  to.dropout = from.dropout;
  to.pad_token_id = from.pad_token_id;
  to.eos_token_ids = from.eos_token_ids;
  to.decoder_start_token_id = from.decoder_start_token_id;
}

}  // namespace

UniformConfig first_layer_of(const TransformerConfig& c) {
  UniformConfig u;
  copy_common(c, u);
  u.scale_embedding = c.embedding_scale != 1;
  u.encoder_layers = static_cast<int>(c.encoder.size());
  u.decoder_layers = static_cast<int>(c.decoder.size());
  if (c.encoder.empty() && c.decoder.empty()) return u;
  const LayerConfig& layer = c.decoder.empty() ? c.encoder.front() : c.decoder.front();
  const AttentionConfig& attention = layer.attention;
  u.num_attention_heads = attention.num_heads;
  u.num_key_value_heads = attention.num_key_value_heads;
  u.head_dim = attention.query_size() == c.hidden_size ? 0 : attention.head_dim;
  u.encoder_ffn_dim = c.encoder.empty() ? layer.feed_forward.size : c.encoder.front().feed_forward.size;
  u.decoder_ffn_dim = c.decoder.empty() ? layer.feed_forward.size : c.decoder.front().feed_forward.size;
  u.activation = layer.feed_forward.activation;
  u.gated_ffn = layer.feed_forward.gated;
  u.norm_position = layer.norm_place;
  u.norm = layer.norm.kind;
  u.layer_norm_epsilon = layer.norm.epsilon;
  u.linear_bias = layer.feed_forward.bias;
  u.qkv_bias = attention.q_bias && !u.linear_bias;
  u.qk_norm = attention.qk_norm.has_value();
  u.sliding_window = attention.window;
  u.embedding_norm = c.embedding_norm.has_value();
  u.attention_dropout = attention.dropout;
  u.activation_dropout = layer.feed_forward.dropout;
  if (attention.rope) {
    u.position = Position::rope;
    u.rope = *attention.rope;
    if (u.rope.rotary_dim == attention.head_dim) u.rope.rotary_dim = 0;
  } else if (attention.distance_bias != DistanceBias::none) {
    u.position = attention.distance_bias == DistanceBias::alibi ? Position::alibi : Position::t5;
  } else {
    u.position = c.position_table == PositionTable::none         ? Position::none
                 : c.position_table == PositionTable::sinusoidal ? Position::sinusoidal
                                                                 : Position::learned;
  }
  return u;
}

UniformConfig::operator TransformerConfig() const {
  for (const int layers : {encoder_layers, decoder_layers}) {
    QKV_REQUIRE(layers >= 0 && layers <= kMostLayers, "{} layers are not possible; a stack has at most {}", layers, kMostLayers);
  }
  TransformerConfig c;
  copy_common(*this, c);
  if (scale_embedding) c.embedding_scale = std::sqrt(static_cast<float>(hidden_size));
  c.encoder.assign(static_cast<size_t>(encoder_layers), layer_of(*this, Side::encoder));
  c.decoder.assign(static_cast<size_t>(decoder_layers), layer_of(*this, Side::decoder));
  if (norm_position != NormPlace::post && norm_position != NormPlace::none) c.final_norm = norm_of(*this);
  c.position_table = position == Position::sinusoidal ? PositionTable::sinusoidal
                     : position == Position::learned  ? PositionTable::learned
                                                      : PositionTable::none;
  if (embedding_norm) c.embedding_norm = norm_of(*this);
  c.head_activation = activation;
  c.head_norm = norm_of(*this);
  c.head_bias = linear_bias;
  return c;
}

bool is_uniform(const TransformerConfig& config) { return TransformerConfig(first_layer_of(config)) == config; }

UniformConfig as_uniform(const TransformerConfig& config) {
  if (!is_uniform(config)) fail(ErrorCode::unsupported, "the layers of this network differ; it is not described by one of them");
  return first_layer_of(config);
}

}  // namespace qkv
