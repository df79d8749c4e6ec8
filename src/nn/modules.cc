#include "nn/modules.h"

#include <cmath>

namespace qkv {
namespace {

Initializer linear_start(const TransformerConfig& config, Linear::Into into) {
  if (config.initializer_range <= 0) return Initializer::xavier_uniform();
  if (into == Linear::Into::sub_layer || !config.has_decoder()) return Initializer::normal(config.initializer_range);  // as BERT has it
  return Initializer::normal(config.initializer_range /
                             std::sqrt(2.0f * static_cast<float>(config.encoder_layers + config.decoder_layers)));
}

}  // namespace

Initializer embedding_start(const TransformerConfig& config) {
  return Initializer::normal(config.initializer_range > 0 ? config.initializer_range
                                                          : 1 / std::sqrt(static_cast<float>(config.hidden_size)));
}

Linear::Linear(const TransformerConfig& config, const ParameterScope& scope, int in, int out, Into into)
    : weight_(scope.create("weight", {out, in}, linear_start(config, into), true)),
      bias_(config.linear_bias ? scope.create("bias", {out}, Initializer::zeros(), false) : Tensor()) {}

Norm::Norm(const TransformerConfig& config, const ParameterScope& scope)
    : weight_(scope.create("weight", {config.hidden_size}, Initializer::ones(), false)),
      bias_(config.norm == NormKind::layer ? scope.create("bias", {config.hidden_size}, Initializer::zeros(), false) : Tensor()),
      epsilon_(config.layer_norm_epsilon) {}

FeedForward::FeedForward(const TransformerConfig& config, int inner_size, const ParameterScope& scope)
    : fc1_(config, scope / "fc1", config.hidden_size, inner_size),
      fc2_(config, scope / "fc2", inner_size, config.hidden_size, Linear::Into::residual),
      gate_(config.gated_ffn ? std::optional<Linear>(std::in_place, config, scope / "gate", config.hidden_size, inner_size) : std::nullopt),
      activation_(config.activation),
      dropout_(config.activation_dropout) {}

Tensor FeedForward::forward(const Tensor& x, ForwardContext& context) const {
  const DropoutParams dropout = context.dropout(dropout_);
  if (!gate_) return feed_forward(x, fc1_.weights(), activation_, dropout, fc2_.weights());
  const Tensor inner = gated_activation(gate_->forward(x), fc1_.forward(x), activation_);
  return fc2_.forward(dropout.probability > 0 ? dropout_add(inner, {}, dropout) : inner);
}

}  // namespace qkv
