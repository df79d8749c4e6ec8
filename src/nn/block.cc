#include "nn/block.h"

namespace qkv {

namespace {

std::optional<Norm> norm_of(const LayerConfig& config, int hidden_size, const ParameterScope& scope) {
  if (config.norm_place == NormPlace::none) return std::nullopt;
  return std::optional<Norm>(std::in_place, config.norm, hidden_size, scope);
}

}  // namespace

Block::Block(const LayerConfig& config, int hidden_size, const Initialization& start, Side side, int layer, const ParameterScope& scope)
    : norm_place_(config.norm_place),
      self_attention_dropout_(config.dropout, scope / "self_attention_dropout"),
      cross_attention_dropout_(config.dropout, scope / "cross_attention_dropout"),
      feed_forward_dropout_(config.dropout, scope / "feed_forward_dropout"),
      self_attention_(config.attention, hidden_size, start, side == Side::decoder ? AttentionKind::decoder : AttentionKind::encoder, layer,
                      scope / "self_attention"),
      self_attention_norm_(norm_of(config, hidden_size, scope / "self_attention_norm")),
      feed_forward_(config.feed_forward, hidden_size, start, scope / "feed_forward"),
      feed_forward_norm_(norm_of(config, hidden_size, scope / "feed_forward_norm")) {
  if (!config.cross_attention) return;
  cross_attention_.emplace(*config.cross_attention, hidden_size, start, AttentionKind::cross, layer, scope / "cross_attention");
  cross_attention_norm_ = norm_of(config, hidden_size, scope / "cross_attention_norm");
}

// A residual connection. Post-norm: Norm(x + Dropout(SubLayer(x))), as in the paper. Pre-norm: x + Dropout(SubLayer(Norm(x))) (Xiong et al.
// 2020). The sum overwrites the sub-layer's output: it comes from a product, whose gradient does not need it.
template <typename SubLayer>
Tensor Block::residual(const Tensor& x, const std::optional<Norm>& norm, const Dropout& dropout, ForwardContext& context,
                       SubLayer&& sub_layer) const {
  const bool pre = norm_place_ == NormPlace::pre, post = norm_place_ == NormPlace::post;
  const Tensor y = dropout_add(sub_layer(pre ? norm->forward(x) : x), x, dropout(context), Into::x);
  return post ? norm->forward(y) : y;
}

namespace {

// Attends to the kept rows in decoding, otherwise to `memory`.
Tensor attend(const MultiHeadAttention& attention, const Tensor& x, const Tensor& memory, const std::shared_ptr<const AttentionPass>& pass,
              const KeyValueRows* kept, ForwardContext& context) {
  if (kept) return attention.forward(x, *kept, *pass, context);
  if (context.recompute != Recompute::attention) return attention.forward(x, memory, *pass, context);
  return recomputed({x, memory}, context,
                    [&attention, x, memory, pass](ForwardContext& c) { return attention.forward(x, memory, *pass, c); });
}

}  // namespace

Tensor Block::forward(const Tensor& x, const BlockPass& pass, const LayerRows* kept, ForwardContext& context) const {
  Tensor y = residual(x, self_attention_norm_, self_attention_dropout_, context,
                      [&](const Tensor& h) { return attend(self_attention_, h, h, pass.self, kept ? &kept->self : nullptr, context); });
  if (cross_attention_) {
    y = residual(y, cross_attention_norm_, cross_attention_dropout_, context, [&](const Tensor& h) {
      return attend(*cross_attention_, h, pass.memory, pass.cross, kept ? &kept->cross : nullptr, context);
    });
  }
  return residual(y, feed_forward_norm_, feed_forward_dropout_, context,
                  [&](const Tensor& h) { return feed_forward_.forward(h, context); });
}

}  // namespace qkv
