// One Transformer layer (Vaswani et al. 2017, section 3.1).
#pragma once

#include <optional>

#include "nn/decoder_state.h"
#include "nn/multi_head_attention.h"

namespace qkv {

class Block {
 public:
  Block(const TransformerConfig& config, bool decoder, int layer, const ParameterScope& scope);

  Tensor forward(const Tensor& x, const Segments& segments, const Tensor& memory, const Segments& memory_segments,
                 ForwardContext& context) const;

  const MultiHeadAttention& self_attention() const { return self_attention_; }
  const MultiHeadAttention& cross_attention() const { return *cross_attention_; }

  // One decoding step. x: one row per hypothesis; `self` and `cross` list each hypothesis's rows of the cache.
  Tensor step(const Tensor& x, DecoderState::LayerCache& cache, int64_t first_row, const SegmentView& queries, const SegmentView& self,
              const SegmentView& cross, ForwardContext& context) const;

 private:
  template <typename SubLayer>
  Tensor residual(const Tensor& x, const LayerNorm& norm, ForwardContext& context, SubLayer&& sub_layer) const;

  NormPosition norm_position_;
  float dropout_;
  MultiHeadAttention self_attention_;
  LayerNorm self_attention_norm_;
  std::optional<MultiHeadAttention> cross_attention_;
  std::optional<LayerNorm> cross_attention_norm_;
  FeedForward feed_forward_;
  LayerNorm feed_forward_norm_;
};

}  // namespace qkv
