#include "nn/modules.h"

#include <cmath>

namespace qkv {

Linear::Linear(const ParameterScope& scope, int in, int out)
    : weight_(scope.create("weight", {out, in}, Initializer::xavier_uniform(), true)),
      bias_(scope.create("bias", {out}, Initializer::zeros(), false)) {}

LayerNorm::LayerNorm(const ParameterScope& scope, int size, float epsilon)
    : weight_(scope.create("weight", {size}, Initializer::ones(), false)),
      bias_(scope.create("bias", {size}, Initializer::zeros(), false)),
      epsilon_(epsilon) {}

FeedForward::FeedForward(const TransformerConfig& config, int inner_size, const ParameterScope& scope)
    : fc1_(scope / "fc1", config.hidden_size, inner_size),
      fc2_(scope / "fc2", inner_size, config.hidden_size),
      activation_(config.activation),
      dropout_(config.activation_dropout) {}

Tensor FeedForward::forward(const Tensor& x, ForwardContext& context) const {
  const DropoutParams dropout = context.dropout(dropout_);
  if (activation_ != Activation::relu) return fc2_.forward(activate(fc1_.forward(x), activation_, dropout));
  const Tensor inner = fc1_.forward(x, FusedActivation::relu);
  return fc2_.forward(dropout.probability > 0 ? dropout_add(inner, {}, dropout) : inner);
}

Tensor sinusoidal_positions(int count, int size, Device device) {
  const int half = (size + 1) / 2;
  std::vector<float> values(static_cast<size_t>(count) * size);
  for (int p = 0; p < count; ++p) {
    for (int i = 0; i < size; ++i) {
      // Column i of the paper's interleaved form with frequency index i / 2 lies at i / 2 (sine) or half + i / 2 (cosine).
      const int frequency = i < half ? i : i - half;
      const double angle = p / std::pow(10000.0, 2.0 * frequency / size);
      values[static_cast<size_t>(p) * size + i] = static_cast<float>(i < half ? std::sin(angle) : std::cos(angle));
    }
  }
  return Tensor::from(values, {count, size}, device == Device::reference ? DType::f64 : DType::f32, device);
}

}  // namespace qkv
