#include "nn/modules.h"

#include <cmath>

namespace qkv {

Initializer Initialization::residual() const {
  if (range <= 0 || residual_layers == 0) return matrix();
  return Initializer::normal(range / std::sqrt(2.0f * static_cast<float>(residual_layers)));
}

Initializer Initialization::embedding(int hidden_size) const {
  return Initializer::normal(range > 0 ? range : 1 / std::sqrt(static_cast<float>(hidden_size)));
}

Linear::Linear(const LinearOptions& options, const ParameterScope& scope)
    : weight_(scope.create("weight", {options.out, options.in}, options.start, true)),
      bias_(options.bias ? scope.create("bias", {options.out}, Initializer::zeros(), false) : Tensor()) {}

Norm::Norm(const NormConfig& config, int size, const ParameterScope& scope)
    : config_(config),
      weight_(scope.create("weight", {size}, Initializer::ones(), false)),
      bias_(config.kind == NormKind::layer && config.bias ? scope.create("bias", {size}, Initializer::zeros(), false) : Tensor()) {}

FeedForward::FeedForward(const FeedForwardConfig& config, int hidden_size, const Initialization& start, const ParameterScope& scope)
    : config_(config),
      dropout_(config.dropout, scope / "dropout"),
      fc1_({hidden_size, config.size, config.bias && config.inner_bias, start.matrix()}, scope / "fc1"),
      fc2_({config.size, hidden_size, config.bias, start.residual()}, scope / "fc2") {
  if (config.gated)
    gate_.emplace(LinearOptions{hidden_size, config.size, config.bias && config.inner_bias, start.matrix()}, scope / "gate");
}

// The rows between the two products, which forward() need not keep.
void FeedForward::show_inner(const Tensor& x, const ForwardContext& context) const {
  const Tensor inner = fc1_.forward(x), gate = gate_ ? gate_->forward(x) : Tensor();
  if (gate) context.show("feed_forward", "gate", gate);
  context.show("feed_forward", "inner", inner);
  context.show("feed_forward", "activated", gate ? gated_activation(gate, inner, config_.activation) : activate(inner, config_.activation));
}

Tensor FeedForward::forward(const Tensor& x, ForwardContext& context) const {
  if (context.on_value) show_inner(x, context);
  const DropoutParams dropout = dropout_(context);
  if (!gate_) return feed_forward(x, fc1_.weights(), config_.activation, dropout, fc2_.weights());
  const Tensor inner = gated_activation(gate_->forward(x), fc1_.forward(x), config_.activation);
  return fc2_.forward(dropout.probability > 0 ? dropout_add(inner, {}, dropout) : inner);
}

}  // namespace qkv
