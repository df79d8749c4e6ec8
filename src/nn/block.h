// One Transformer layer (Vaswani et al. 2017, section 3.1).
#pragma once

#include <memory>
#include <optional>

#include "nn/multi_head_attention.h"

namespace qkv {

// Input of all layers in one pass, apart from the rows. Cheap to copy.
struct BlockPass {
  std::shared_ptr<const AttentionPass> self, cross;
  Tensor memory;  // the encoder's output; empty without cross-attention, and in decoding, where its keys and values are kept
};

class Block {
 public:
  Block(const LayerConfig& config, int hidden_size, const Initialization& start, Side side, int layer, const ParameterScope& scope);

  // kept: this layer's rows in decoding, else null.
  Tensor forward(const Tensor& x, const BlockPass& pass, const LayerRows* kept, ForwardContext& context) const;

  const std::optional<MultiHeadAttention>& cross_attention() const { return cross_attention_; }

 private:
  template <typename SubLayer>
  Tensor residual(const Tensor& x, const std::optional<Norm>& norm, const Dropout& dropout, ForwardContext& context,
                  SubLayer&& sub_layer) const;

  NormPlace norm_place_;
  Dropout self_attention_dropout_, cross_attention_dropout_, feed_forward_dropout_;
  MultiHeadAttention self_attention_;
  std::optional<Norm> self_attention_norm_;
  std::optional<MultiHeadAttention> cross_attention_;
  std::optional<Norm> cross_attention_norm_;
  FeedForward feed_forward_;
  std::optional<Norm> feed_forward_norm_;
};

}  // namespace qkv
