#include "nn/block.h"

namespace qkv {

namespace {

std::optional<Norm> norm_if(bool wanted, const NormConfig& config, int hidden_size, const ParameterScope& scope) {
  return wanted ? std::optional<Norm>(std::in_place, config, hidden_size, scope) : std::nullopt;
}

}  // namespace

Residual::Residual(const LayerConfig& config, NormPlace place, int hidden_size, const ParameterScope& layer, std::string_view sub_layer)
    : input_norm_(norm_if(place == NormPlace::pre || place == NormPlace::sandwich, config.norm, hidden_size,
                          layer / fmt::format("{}_norm", sub_layer))),
      output_norm_(norm_if(place == NormPlace::output || place == NormPlace::sandwich, config.norm, hidden_size,
                           layer / fmt::format("{}_output_norm", sub_layer))),
      sum_norm_(norm_if(place == NormPlace::post, config.norm, hidden_size, layer / fmt::format("{}_norm", sub_layer))),
      scale_(config.residual_scale),
      dropout_(config.dropout, layer / fmt::format("{}_dropout", sub_layer)) {}

Tensor Residual::sum(const Tensor& x, const Tensor& y, const ForwardContext& context) const {
  const Tensor normed = output_norm_ ? output_norm_->forward(y) : y;
  const Tensor sum = dropout_add(scale_ != 1 ? scaled(normed, scale_) : normed, x, dropout_(context), Into::x);
  return sum_norm_ ? sum_norm_->forward(sum) : sum;
}

Block::Block(const LayerConfig& config, int hidden_size, const Initialization& start, Side side, int layer, const ParameterScope& scope)
    : order_(config.order),
      self_attention_(config.attention, hidden_size, start, side == Side::decoder ? AttentionKind::decoder : AttentionKind::encoder, layer,
                      scope / "self_attention"),
      self_attention_residual_(config, config.attention_norm ? config.norm_place : NormPlace::none, hidden_size, scope, "self_attention"),
      feed_forward_(config.feed_forward, hidden_size, start, scope / "feed_forward"),
      feed_forward_residual_(config, config.order == LayerOrder::parallel_shared ? NormPlace::none : config.norm_place, hidden_size, scope,
                             "feed_forward") {
  if (!config.cross_attention) return;
  cross_attention_.emplace(*config.cross_attention, hidden_size, start, AttentionKind::cross, layer, scope / "cross_attention");
  cross_attention_residual_.emplace(config, config.norm_place, hidden_size, scope, "cross_attention");
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
  Tensor h = self_attention_residual_.input(x);
  Tensor y = self_attention_residual_.sum(x, attend(self_attention_, h, h, pass.self, kept ? &kept->self : nullptr, context), context);
  if (cross_attention_) {
    h = cross_attention_residual_->input(y);
    y = cross_attention_residual_->sum(y, attend(*cross_attention_, h, pass.memory, pass.cross, kept ? &kept->cross : nullptr, context),
                                       context);
  }
  if (order_ != LayerOrder::parallel_shared) h = feed_forward_residual_.input(order_ == LayerOrder::parallel ? x : y);
  return feed_forward_residual_.sum(y, feed_forward_.forward(h, context), context);
}

}  // namespace qkv
