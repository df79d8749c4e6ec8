#include "nn/convolution.h"

#include <cmath>

namespace qkv {

// Initialized as torch.nn.Conv1d: uniform within 1 / sqrt(inputs of an output).
Convolution::Convolution(const ConvolutionLayerOptions& options, const ParameterScope& scope) : placed_(options.placed) {
  QKV_CHECK(options.input_size > 0 && options.output_size > 0 && options.width > 0,
            "[convolution] {} to {} columns, {} wide; each must be at least 1", options.input_size, options.output_size, options.width);
  const int groups = options.placed.groups;
  QKV_CHECK(groups > 0 && options.input_size % groups == 0 && options.output_size % groups == 0,
            "[convolution] {} groups do not divide {} and {} columns", groups, options.input_size, options.output_size);
  const int inputs = options.input_size / groups;
  const Initializer start = Initializer::uniform(1 / std::sqrt(static_cast<float>(inputs * options.width)));
  weight_ = scope.create("weight", {options.output_size, inputs, options.width}, start, true);
  bias_ = scope.create("bias", {options.output_size}, start, false);
}

ConvolutionBesideLayer::ConvolutionBesideLayer(const LayerConfig& config, int hidden_size, const ParameterScope& layer)
    : convolution_({hidden_size, hidden_size, config.convolution->width, {.groups = config.convolution->groups}}, layer / "convolution"),
      activation_(config.convolution->activation),
      dropout_(config.dropout, layer / "convolution_dropout"),
      norm_(config.norm, hidden_size, layer / "convolution_norm") {}

Tensor ConvolutionBesideLayer::forward(const Tensor& x, const Tensor& y, const Segments& segments, const ForwardContext& context) const {
  const bool narrow = x.dtype() == DType::bf16;  // windows are gathered in f32
  const Tensor wide = convolution_.forward(narrow ? converted(x, DType::f32) : x, segments);
  Tensor h = narrow ? converted(wide, x.dtype()) : wide;
  if (const DropoutParams dropout = dropout_(context); dropout.probability > 0) h = dropout_add(h, {}, dropout);
  h = activate(h, activation_);
  context.show("convolution", "output", h);
  h = dropout_add(h, y, {}, Into::x);
  context.show("convolution", "sum", h);
  h = norm_.forward(h);
  context.show("convolution", "norm", h);
  return h;
}

}  // namespace qkv
