#include "nn/block.h"

namespace qkv {

namespace {

std::optional<Norm> norm_if(bool wanted, const NormConfig& config, int hidden_size, const ParameterScope& scope) {
  return wanted ? std::optional<Norm>(std::in_place, config, hidden_size, scope) : std::nullopt;
}

}  // namespace

Residual::Residual(const LayerConfig& config, NormPlace place, int hidden_size, const ParameterScope& layer, const char* sub_layer)
    : sub_layer_(sub_layer),
      input_norm_(norm_if(place == NormPlace::pre || place == NormPlace::sandwich, config.norm, hidden_size,
                          layer / fmt::format("{}_norm", sub_layer))),
      output_norm_(norm_if(place == NormPlace::output || place == NormPlace::sandwich, config.norm, hidden_size,
                           layer / fmt::format("{}_output_norm", sub_layer))),
      sum_norm_(norm_if(place == NormPlace::post, config.norm, hidden_size, layer / fmt::format("{}_norm", sub_layer))),
      scale_(config.residual_scale),
      dropout_(config.dropout, layer / fmt::format("{}_dropout", sub_layer)) {}

Tensor Residual::input(const Tensor& x, const ForwardContext& context) const {
  return input_norm_ ? shown("norm", input_norm_->forward(x), context) : x;
}

Tensor Residual::sum(const Tensor& x, const Tensor& y, const ForwardContext& context) const {
  shown("output", y, context);
  const Tensor normed = output_norm_ ? shown("output_norm", output_norm_->forward(y), context) : y;
  const Tensor sum = shown("sum", dropout_add(scale_ != 1 ? scaled(normed, scale_) : normed, x, dropout_(context), Into::x), context);
  return sum_norm_ ? shown("norm", sum_norm_->forward(sum), context) : sum;
}

const Tensor& Residual::shown(const char* name, const Tensor& value, const ForwardContext& context) const {
  context.show(sub_layer_, name, value);
  return value;
}

Block::Block(const LayerConfig& config, int hidden_size, const Initialization& start, Side side, const ParameterScope& scope)
    : order_(config.order),
      self_attention_(config.attention, hidden_size, start, side == Side::decoder ? AttentionKind::decoder : AttentionKind::encoder,
                      scope / "self_attention"),
      self_attention_residual_(config, config.attention_norm ? config.norm_place : NormPlace::none, hidden_size, scope, "self_attention"),
      feed_forward_(config.feed_forward, hidden_size, start, scope / "feed_forward"),
      feed_forward_residual_(config, config.order == LayerOrder::parallel_shared ? NormPlace::none : config.norm_place, hidden_size, scope,
                             "feed_forward") {
  if (config.convolution) convolution_.emplace(config, hidden_size, scope);
  if (!config.cross_attention) return;
  cross_attention_.emplace(*config.cross_attention, hidden_size, start, AttentionKind::cross, scope / "cross_attention");
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
  Tensor h = self_attention_residual_.input(x, context);
  Tensor y = self_attention_residual_.sum(x, attend(self_attention_, h, h, pass.self, kept ? &kept->self : nullptr, context), context);
  if (cross_attention_) {
    h = cross_attention_residual_->input(y, context);
    y = cross_attention_residual_->sum(y, attend(*cross_attention_, h, pass.memory, pass.cross, kept ? &kept->cross : nullptr, context),
                                       context);
  }
  if (order_ != LayerOrder::parallel_shared) h = feed_forward_residual_.input(order_ == LayerOrder::parallel ? x : y, context);
  y = feed_forward_residual_.sum(y, feed_forward_.forward(h, context), context);
  return convolution_ ? convolution_->forward(x, y, pass.self->queries, context) : y;
}

}  // namespace qkv
