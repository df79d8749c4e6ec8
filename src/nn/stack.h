// A stack of Transformer blocks: the encoder, or the decoder.
#pragma once

#include <optional>
#include <vector>

#include "nn/block.h"

namespace qkv {

class Stack {
 public:
  // Pre-norm stacks end with a norm of their own.
  Stack(const TransformerConfig& config, bool decoder, const ParameterScope& scope);

  // x: [tokens, hidden_size]. state: in decoding; null otherwise.
  Tensor forward(Tensor x, const BlockPass& pass, DecoderState* state, ForwardContext& context) const;
  const std::vector<Block>& blocks() const { return blocks_; }

 private:
  std::vector<Block> blocks_;
  std::optional<Norm> final_norm_;
};

}  // namespace qkv
