// One Transformer layer (Vaswani et al. 2017, section 3.1).
#pragma once

#include <memory>
#include <optional>

#include "nn/convolution.h"
#include "nn/multi_head_attention.h"

namespace qkv {

// Input of all layers in one pass, apart from the rows. Cheap to copy.
struct BlockPass {
  std::shared_ptr<const AttentionPass> self, cross;
  Tensor memory;  // the encoder's output; empty without cross-attention, and in decoding, where its keys and values are kept
};

// The residual connection of a sub-layer f, with its norms and dropout (NormPlace has the formulas).
class Residual {
 public:
  // Parameters and dropout are named after the sub-layer: "self_attention_norm".
  Residual(const LayerConfig& config, NormPlace place, int hidden_size, const ParameterScope& layer, const char* sub_layer);

  // The input of f.
  Tensor input(const Tensor& x, const ForwardContext& context) const;
  // x and y = f(input) added up. Overwrites y: it comes from a product, whose gradient does not need it.
  Tensor sum(const Tensor& x, const Tensor& y, const ForwardContext& context) const;

 private:
  const Tensor& shown(const char* name, const Tensor& value, const ForwardContext& context) const;

  const char* sub_layer_;
  std::optional<Norm> input_norm_, output_norm_, sum_norm_;
  float scale_;
  Dropout dropout_;
};

class Block {
 public:
  Block(const LayerConfig& config, int hidden_size, const Initialization& start, Side side, const ParameterScope& scope);

  // kept: this layer's rows in decoding, else null.
  Tensor forward(const Tensor& x, const BlockPass& pass, const LayerRows* kept, ForwardContext& context) const;

  const std::optional<MultiHeadAttention>& cross_attention() const { return cross_attention_; }

 private:
  LayerOrder order_;
  MultiHeadAttention self_attention_;
  Residual self_attention_residual_;
  std::optional<MultiHeadAttention> cross_attention_;
  std::optional<Residual> cross_attention_residual_;
  FeedForward feed_forward_;
  Residual feed_forward_residual_;
  std::optional<ConvolutionBesideLayer> convolution_;
};

}  // namespace qkv
