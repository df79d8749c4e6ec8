#include "nn/block.h"

namespace qkv {

Block::Block(const TransformerConfig& config, bool decoder, int layer, const ParameterScope& scope)
    : norm_position_(config.norm_position),
      dropout_(config.dropout),
      self_attention_(config, decoder ? AttentionKind::decoder : AttentionKind::encoder, layer, scope / "self_attention"),
      self_attention_norm_(scope / "self_attention_norm", config.hidden_size, config.layer_norm_epsilon),
      cross_attention_(
          decoder ? std::optional<MultiHeadAttention>(std::in_place, config, AttentionKind::cross, layer, scope / "cross_attention")
                  : std::nullopt),
      cross_attention_norm_(
          decoder ? std::optional<LayerNorm>(std::in_place, scope / "cross_attention_norm", config.hidden_size, config.layer_norm_epsilon)
                  : std::nullopt),
      feed_forward_(config, decoder ? config.decoder_ffn_dim : config.encoder_ffn_dim, scope / "feed_forward"),
      feed_forward_norm_(scope / "feed_forward_norm", config.hidden_size, config.layer_norm_epsilon) {}

// Post-norm: LayerNorm(x + Dropout(SubLayer(x))), the paper's. Pre-norm: x + Dropout(SubLayer(LayerNorm(x))) (Xiong et al. 2020).
template <typename SubLayer>
Tensor Block::residual(const Tensor& x, const LayerNorm& norm, ForwardContext& context, SubLayer&& sub_layer) const {
  if (norm_position_ == NormPosition::pre) return dropout_add(sub_layer(norm.forward(x)), x, context.dropout(dropout_));
  return norm.forward(dropout_add(sub_layer(x), x, context.dropout(dropout_)));
}

Tensor Block::forward(const Tensor& x, const Segments& segments, const Tensor& memory, const Segments& memory_segments,
                      ForwardContext& context) const {
  Tensor y = residual(x, self_attention_norm_, context,
                      [&](const Tensor& h) { return self_attention_.forward(h, segments, h, segments, context); });
  if (cross_attention_) {
    y = residual(y, *cross_attention_norm_, context,
                 [&](const Tensor& h) { return cross_attention_->forward(h, segments, memory, memory_segments, context); });
  }
  return residual(y, feed_forward_norm_, context, [&](const Tensor& h) { return feed_forward_.forward(h, context); });
}

Tensor Block::step(const Tensor& x, DecoderState::LayerCache& cache, int64_t first_row, const SegmentView& queries, const SegmentView& self,
                   const SegmentView& cross, ForwardContext& context) const {
  Tensor y = residual(x, self_attention_norm_, context, [&](const Tensor& h) {
    copy_rows(self_attention_.keys(h), cache.self_k, first_row);
    copy_rows(self_attention_.values(h), cache.self_v, first_row);
    return self_attention_.forward_cached(h, queries, cache.self_k, cache.self_v, self);
  });
  y = residual(y, *cross_attention_norm_, context,
               [&](const Tensor& h) { return cross_attention_->forward_cached(h, queries, cache.cross_k, cache.cross_v, cross); });
  return residual(y, feed_forward_norm_, context, [&](const Tensor& h) { return feed_forward_.forward(h, context); });
}

}  // namespace qkv
