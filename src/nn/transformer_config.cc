#include "nn/transformer_config.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.h"

namespace qkv {
namespace {

// The divisors of n as text for messages, such as "1, 2, 4, 8".
std::string divisors(int n) {
  std::string list;
  for (int d = 1; d <= n; ++d) {
    if (n % d == 0) list += (list.empty() ? "" : ", ") + std::to_string(d);
  }
  return list;
}

void check_range(const char* name, int64_t value, int64_t low, int64_t high) {
  QKV_REQUIRE(value >= low && value <= high, "{} is {}; it must be {} to {}", name, value, low, high);
}

void check_probability(const char* name, float value) {
  QKV_REQUIRE(value >= 0 && value < 1, "{} is {}; it must be at least 0 and less than 1", name, value);
}

// A factor of activations may be negative, but not 0 or infinite.
void check_factor(const char* name, float value) {
  QKV_REQUIRE(value != 0 && std::isfinite(value), "{} is {}; it must be a number other than 0", name, value);
}

void check_soft_cap(const char* name, float value) {
  QKV_REQUIRE(value >= 0 && std::isfinite(value), "{} is {}; it must be 0 or more", name, value);
}

void check_attention(const AttentionConfig& c, const TransformerConfig& network) {
  check_range("num_attention_heads", c.num_heads, 1, 1 << 16);
  QKV_REQUIRE(c.head_dim != 0, "num_attention_heads {} does not divide hidden_size {}; possible: {}", c.num_heads, network.hidden_size,
              divisors(network.hidden_size));
  check_range("head_dim", c.head_dim, 1, 1 << 16);
  check_range("num_attention_heads times head_dim", int64_t{c.num_heads} * c.head_dim, 1, 1 << 20);
  check_range("num_key_value_heads", c.num_key_value_heads, 1, c.num_heads);
  QKV_REQUIRE(c.num_heads % c.num_key_value_heads == 0, "num_key_value_heads {} does not divide num_attention_heads {}; possible: {}",
              c.num_key_value_heads, c.num_heads, divisors(c.num_heads));
  check_range("sliding_window", c.window, 0, INT32_MAX);
  check_soft_cap("the soft cap of the scores", c.soft_cap);
  QKV_REQUIRE(c.clip >= 0 && std::isfinite(c.clip), "the limit of q, k and v is {}; it must be 0 or more", c.clip);
  QKV_REQUIRE(!c.qk_norm || c.qk_norm_place != QkNormPlace::own_head || !c.qk_norm->bias, "norms of single heads have no bias");
  QKV_REQUIRE(std::isfinite(c.scale), "the scale of the scores is {}", c.scale);
  check_probability("attention_dropout", c.dropout);
  QKV_REQUIRE(!c.disentangled || c.num_key_value_heads == c.num_heads, "disentangled attention needs as many key/value heads as heads");
  if (c.disentangled) check_probability("dropout", c.disentangled->dropout);
  if (!c.rope) return;
  check_range("rotary_dim", c.rope->rotary_dim, 1, c.head_dim);
  QKV_REQUIRE(c.rope->rotary_dim % 2 == 0, "rotary positions turn pairs of columns; {} of a head of {} are no pairs", c.rope->rotary_dim,
              c.head_dim);
  QKV_REQUIRE((c.rope->scaling != RopeScaling::dynamic && c.rope->scaling != RopeScaling::ntk_alpha) || c.rope->rotary_dim > 2,
              "the dynamic scaling of rotary positions needs heads of more than one pair");
  const auto pairs = static_cast<size_t>(c.rope->rotary_dim / 2);
  QKV_REQUIRE(c.rope->scaling != RopeScaling::longrope || (c.rope->short_factors.size() == pairs && c.rope->long_factors.size() == pairs),
              "\"short_factor\" has {} values and \"long_factor\" {}; heads have {} pairs that turn", c.rope->short_factors.size(),
              c.rope->long_factors.size(), pairs);
  validate(*c.rope);
  QKV_REQUIRE(c.rope->query_growth == 0 || c.rope->rotary_dim == c.head_dim,
              "queries that grow with their position turn as a whole; {} of {} columns turn", c.rope->rotary_dim, c.head_dim);
}

void check_layer(const LayerConfig& c, Side side, const TransformerConfig& network) {
  check_attention(c.attention, network);
  QKV_REQUIRE(c.cross_attention.has_value() == (side == Side::decoder && network.has_encoder()),
              "a decoder's layers read the encoder where there is one, and other layers read none");
  if (c.cross_attention) check_attention(*c.cross_attention, network);
  check_range(side == Side::encoder ? "encoder_ffn_dim" : "decoder_ffn_dim", c.feed_forward.size, 1, 1 << 20);
  check_probability("activation_dropout", c.feed_forward.dropout);
  QKV_REQUIRE(!c.feed_forward.xielu || !c.feed_forward.gated, "a feed-forward network with xIELU has no gate");
  check_probability("dropout", c.dropout);
  check_factor("residual_scale", c.residual_scale);
  if (c.convolution) {
    check_range("conv_kernel_size", c.convolution->width, 1, 255);
    QKV_REQUIRE(c.convolution->width % 2 == 1, "conv_kernel_size is {}; it must be odd, as the window is centred", c.convolution->width);
    check_range("conv_groups", c.convolution->groups, 1, network.hidden_size);
    QKV_REQUIRE(network.hidden_size % c.convolution->groups == 0, "conv_groups {} does not divide hidden_size {}; possible: {}",
                c.convolution->groups, network.hidden_size, divisors(network.hidden_size));
    QKV_REQUIRE(side == Side::encoder, "a convolution beside a layer is for an encoder");
  }
  QKV_REQUIRE(c.order == LayerOrder::sequential || c.norm_place == NormPlace::pre || c.norm_place == NormPlace::none,
              "sub-layers that are computed in parallel have their norms before them");
  QKV_REQUIRE(c.order == LayerOrder::sequential || !c.cross_attention, "a layer that reads an encoder computes its sub-layers in turn");
}

}  // namespace

void validate(const TransformerConfig& c) {
  check_range("vocab_size", c.vocab_size, 1, 1 << 24);
  check_range("hidden_size", c.hidden_size, 1, 1 << 16);
  check_range("encoder_layers", std::ssize(c.encoder), c.has_encoder() ? 1 : 0, c.has_encoder() ? kMostLayers : 0);
  check_range("decoder_layers", std::ssize(c.decoder), c.has_decoder() ? 1 : 0, c.has_decoder() ? kMostLayers : 0);
  check_range("max_position_embeddings", c.max_position_embeddings, 1, 1 << 24);
  check_range("position_offset", c.position_offset, 0, 1 << 16);
  QKV_REQUIRE(c.position_table != PositionTable::sinusoidal_inclusive || c.hidden_size >= 4,
              "hidden_size is {}; these sinusoidal positions have a first and a last frequency, so it must be at least 4", c.hidden_size);
  bool buckets = false, disentangled = false;
  int64_t norms_of_heads = 0;
  for (const Side side : {Side::encoder, Side::decoder}) {
    for (const LayerConfig& layer : c.stack(side)) {
      check_layer(layer, side, c);
      buckets = buckets || has_buckets(layer.attention.distance_bias);
      disentangled = disentangled || layer.attention.disentangled;
      if (layer.attention.qk_norm && layer.attention.qk_norm_place == QkNormPlace::own_head)
        norms_of_heads += layer.attention.num_heads + layer.attention.num_key_value_heads;
    }
  }
  check_range("the number of norms of single heads", norms_of_heads, 0, 1 << 14);
  if (buckets) {
    check_range("relative_attention_num_buckets", c.relative_buckets.count, 4, 1 << 16);
    check_range("relative_attention_max_distance", c.relative_buckets.max_distance, c.relative_buckets.count / 2 + 1, 1 << 24);
  }
  if (disentangled) {
    check_range("max_relative_positions", c.relative_table.max_distance, 1, 1 << 20);
    check_range("position_buckets", c.relative_table.buckets, 0, 1 << 20);
    QKV_REQUIRE(c.relative_table.buckets != 1 && c.relative_table.buckets / 2 + 1 < c.relative_table.max_distance,
                "position_buckets is {} for {} relative positions; half of the buckets and 1 must be fewer, and 1 is too few",
                c.relative_table.buckets, c.relative_table.max_distance);
  }
  if (c.has_head()) {
    const bool exclusive = c.head == Head::classification && c.label_kind == LabelKind::one;
    check_range("num_labels", c.num_labels, exclusive ? 2 : 1, 1 << 20);
    check_probability("classifier_dropout", c.classifier_dropout);
  }
  if (!c.has_decoder()) {
    check_range("layer_groups", c.layer_groups, 0, std::ssize(c.encoder));
    QKV_REQUIRE(c.layer_groups == 0 || std::ssize(c.encoder) % c.layer_groups == 0, "{} layers do not make {} groups of equal size",
                c.encoder.size(), c.layer_groups);
    for (size_t i = 0; c.layer_groups > 0 && i < c.encoder.size(); ++i) {
      QKV_REQUIRE(c.encoder[i] == c.encoder.front(), "layers that share weights must be alike; layer {} differs from the first", i);
    }
    check_range("token_types", c.token_types, 0, 1 << 16);
  } else {
    QKV_REQUIRE(c.token_types == 0, "token types are for an encoder alone");
    QKV_REQUIRE(c.layer_groups == 0, "layers that share weights are for an encoder alone");
    QKV_REQUIRE(c.embedding_size == 0 || (!c.has_encoder() && !c.embedding_norm),
                "embeddings of another size are for an encoder or a decoder alone, and in a decoder have no norm");
  }
  check_range("embedding_size", c.embedding_size, 0, 1 << 16);
  check_factor("embedding_scale", c.embedding_scale);
  check_factor("output_scale", c.output_scale);
  check_soft_cap("logit_soft_cap", c.logit_soft_cap);
  QKV_REQUIRE(!c.output_bias || (c.has_decoder() && !c.final_logits_bias),
              "a learned bias of the logits is for a decoder without a constant one");
  QKV_REQUIRE(c.position_offset == 0 || c.position_table != PositionTable::none, "position_offset is for a table of positions");
  check_probability("dropout", c.dropout);
  for (const int32_t id : c.eos_token_ids) check_range("eos_token_id", id, 0, c.vocab_size - 1);
  // A decoder alone never reads its pad token, and reads its start token only if there is no prompt.
  if (c.kind != Kind::decoder_only) check_range("pad_token_id", c.pad_token_id, -1, c.vocab_size - 1);
  if (c.kind == Kind::encoder_decoder) check_range("decoder_start_token_id", c.decoder_start_token_id, 0, c.vocab_size - 1);
}

int32_t row_of_label(const TransformerConfig& config, std::span<const int32_t> ids) {
  if (!config.has_decoder()) return 0;
  const auto last = std::find_if(ids.rbegin(), ids.rend(), [&](int32_t id) { return config.is_eos(id); });
  if (last != ids.rend()) return static_cast<int32_t>(ids.rend() - last) - 1;
  fail(ErrorCode::bad_input,
       "a text has no end-of-text token, from which the model predicts its labels; the tokenizer does not belong to it");
}

int64_t rotation_boundary(const TransformerConfig& config) {
  for (const LayerConfig& layer : config.decoder) {
    const std::optional<RopeOptions>& rope = layer.attention.rope;
    if (rope && rope->scaling == RopeScaling::longrope) return rope->original_max_positions;
  }
  return 0;
}

}  // namespace qkv
