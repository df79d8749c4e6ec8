#include "nn/block.h"

namespace qkv {

Block::Block(const TransformerConfig& config, bool decoder, int layer, const ParameterScope& scope)
    : norm_position_(config.norm_position),
      dropout_(config.dropout),
      self_attention_(config, decoder ? AttentionKind::decoder : AttentionKind::encoder, layer, scope / "self_attention"),
      self_attention_norm_(config, scope / "self_attention_norm"),
      feed_forward_(config, decoder ? config.decoder_ffn_dim : config.encoder_ffn_dim, scope / "feed_forward"),
      feed_forward_norm_(config, scope / "feed_forward_norm") {
  if (!decoder || !config.has_encoder()) return;
  cross_attention_.emplace(config, AttentionKind::cross, layer, scope / "cross_attention");
  cross_attention_norm_.emplace(config, scope / "cross_attention_norm");
}

// The sub-layer ends in a product, whose gradient does not ask for its output: the sum may take its place.
// Post-norm: Norm(x + Dropout(SubLayer(x))), the paper's. Pre-norm: x + Dropout(SubLayer(Norm(x))) (Xiong et al. 2020).
template <typename SubLayer>
Tensor Block::residual(const Tensor& x, const Norm& norm, ForwardContext& context, SubLayer&& sub_layer) const {
  if (norm_position_ == NormPosition::pre) return dropout_add(sub_layer(norm.forward(x)), x, context.dropout(dropout_), Into::x);
  return norm.forward(dropout_add(sub_layer(x), x, context.dropout(dropout_), Into::x));
}

namespace {

// From the cache in decoding, from `memory` otherwise.
Tensor attend(const MultiHeadAttention& attention, const Tensor& x, const Tensor& memory, const std::shared_ptr<const AttentionPass>& pass,
              KeyValueCache* cache, ForwardContext& context) {
  if (cache) return attention.forward(x, *cache, *pass, context);
  if (context.recompute != Recompute::attention) return attention.forward(x, memory, *pass, context);
  return recomputed({x, memory}, context,
                    [&attention, x, memory, pass](ForwardContext& c) { return attention.forward(x, memory, *pass, c); });
}

}  // namespace

Tensor Block::forward(const Tensor& x, const BlockPass& pass, DecoderState::LayerCache* cache, ForwardContext& context) const {
  Tensor y = residual(x, self_attention_norm_, context,
                      [&](const Tensor& h) { return attend(self_attention_, h, h, pass.self, cache ? &cache->self : nullptr, context); });
  if (cross_attention_) {
    y = residual(y, *cross_attention_norm_, context, [&](const Tensor& h) {
      return attend(*cross_attention_, h, pass.memory, pass.cross, cache ? &cache->cross : nullptr, context);
    });
  }
  return residual(y, feed_forward_norm_, context, [&](const Tensor& h) { return feed_forward_.forward(h, context); });
}

}  // namespace qkv
