// Convolution along time over packed sequences, with the weights of torch.nn.Conv1d.
#pragma once

#include "nn/modules.h"
#include "ops/ops.h"

namespace qkv {

struct ConvolutionLayerOptions {
  int input_size = 0, output_size = 0, width = 1;
  ConvolutionOptions placed;  // causal or centred, dilation, groups
};

// y = bias + sum over the window; windows do not cross a sequence's borders and are padded with zeros. A gated layer (Dauphin et al. 2017,
// eq. 1) uses two of them: gated_activation(gate, linear part, Activation::sigmoid).
class Convolution {
 public:
  Convolution(const ConvolutionLayerOptions& options, const ParameterScope& scope);
  // Maps [tokens, input_size] to [tokens, output_size].
  Tensor forward(const Tensor& x, const Segments& segments) const { return convolution(x, weight_, bias_, segments, placed_); }

 private:
  Tensor weight_, bias_;  // [output_size, input_size / groups, width], [output_size]
  ConvolutionOptions placed_;
};

// The convolution beside a layer that ConvolutionConfig describes.
class ConvolutionBesideLayer {
 public:
  ConvolutionBesideLayer(const LayerConfig& config, int hidden_size, const ParameterScope& layer);
  // x: the layer's input, y: its output; [tokens, hidden_size].
  Tensor forward(const Tensor& x, const Tensor& y, const Segments& segments, const ForwardContext& context) const;

 private:
  Convolution convolution_;
  Activation activation_;
  Dropout dropout_;
  Norm norm_;
};

}  // namespace qkv
