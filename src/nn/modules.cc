#include "nn/modules.h"

#include <cmath>
#include <span>

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

QkNorm::QkNorm(const NormConfig& config, int size, int heads, const ParameterScope& scope) : config_(config), size_(size) {
  if (heads == 0) norm_.emplace(config, size, scope);
  for (int head = 0; head < heads; ++head) {
    const Tensor weight = (scope / "norms" / head).create("weight", {size}, Initializer::ones(), false);
    of_head_.push_back(weight);
  }
}

namespace {

// The values of `parts` one after the other. Halves are joined first, so that few values are copied often.
Tensor joined(std::span<const Tensor> parts) {
  if (parts.size() == 1) return reshape(parts.front(), {1, parts.front().numel()});
  const size_t half = parts.size() / 2;
  return concatenate_columns(joined(parts.first(half)), joined(parts.subspan(half)));
}

}  // namespace

Tensor QkNorm::forward(const Tensor& x) const {
  const Tensor groups = reshape(x, {x.numel() / size_, size_});
  if (norm_) return reshape(norm_->forward(groups), x.shape());
  const Tensor weight = joined(of_head_);
  const Tensor y =
      config_.kind == NormKind::layer ? layer_norm(groups, weight, {}, config_.epsilon) : rms_norm(groups, weight, config_.epsilon);
  return reshape(y, x.shape());
}

// The start of the paper: factors of 0.8, of which softplus makes the first alone and the second together with beta.
Xielu::Xielu(const ParameterScope& scope) {
  constexpr float kFactor = 0.8f, kBeta = 0.5f, kEpsilon = -1e-6f;
  const auto create = [&](const char* name, float value) { return scope.create(name, {1}, Initializer::constant(value), false); };
  weights_ = {.alpha_p = create("alpha_p", std::log(std::expm1(kFactor))),
              .alpha_n = create("alpha_n", std::log(std::expm1(kFactor - kBeta))),
              .beta = create("beta", kBeta),
              .epsilon = create("eps", kEpsilon)};
  for (const Tensor& constant : {weights_.beta, weights_.epsilon}) constant.set_requires_grad(false);
}

FeedForward::FeedForward(const FeedForwardConfig& config, int hidden_size, const Initialization& start, const ParameterScope& scope)
    : config_(config),
      dropout_(config.dropout, scope / "dropout"),
      fc1_({hidden_size, config.size, config.bias && config.inner_bias, start.matrix()}, scope / "fc1"),
      fc2_({config.size, hidden_size, config.bias, start.residual()}, scope / "fc2") {
  if (config.gated)
    gate_.emplace(LinearOptions{hidden_size, config.size, config.bias && config.inner_bias, start.matrix()}, scope / "gate");
  if (config.xielu) xielu_.emplace(scope / "activation");
}

Tensor FeedForward::activated(const Tensor& inner, const Tensor& gate) const {
  if (xielu_) return xielu_->forward(inner);
  return gate ? gated_activation(gate, inner, config_.activation) : activate(inner, config_.activation);
}

// The rows between the two products, which forward() need not keep.
void FeedForward::show_inner(const Tensor& x, const ForwardContext& context) const {
  const Tensor inner = fc1_.forward(x), gate = gate_ ? gate_->forward(x) : Tensor();
  if (gate) context.show("feed_forward", "gate", gate);
  context.show("feed_forward", "inner", inner);
  context.show("feed_forward", "activated", activated(inner, gate));
}

Tensor FeedForward::forward(const Tensor& x, ForwardContext& context) const {
  if (context.on_value) show_inner(x, context);
  const DropoutParams dropout = dropout_(context);
  if (!gate_ && !xielu_) return feed_forward(x, fc1_.weights(), config_.activation, dropout, fc2_.weights());
  const Tensor up = fc1_.forward(x), gate = gate_ ? gate_->forward(x) : Tensor();
  const Tensor inner = activated(up, gate);
  return fc2_.forward(dropout.probability > 0 ? dropout_add(inner, {}, dropout) : inner);
}

}  // namespace qkv
