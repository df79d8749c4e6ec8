// A stack of Transformer blocks: the encoder, or the decoder with its cross-attention.
#pragma once

#include <optional>
#include <vector>

#include "nn/block.h"

namespace qkv {

class Stack {
 public:
  // cross_attention: the decoder of an encoder-decoder. Pre-norm stacks end with a norm of their own.
  Stack(const TransformerConfig& config, bool decoder, const ParameterScope& scope);

  // x: [tokens, hidden_size]. `memory` is empty for an encoder.
  Tensor forward(Tensor x, const Segments& segments, const Tensor& memory, const Segments& memory_segments, ForwardContext& context) const;
  const std::vector<Block>& blocks() const { return blocks_; }
  Tensor final_norm(const Tensor& x) const { return final_norm_ ? final_norm_->forward(x) : x; }

 private:
  std::vector<Block> blocks_;
  std::optional<LayerNorm> final_norm_;
};

}  // namespace qkv
