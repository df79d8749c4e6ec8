// A stack of Transformer blocks: the encoder, or the decoder.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "nn/block.h"

namespace qkv {

// Who attends to whom in one pass of a stack.
struct StackPass {
  std::vector<std::shared_ptr<const AttentionPass>> self;  // of the groups of layers that are told the same positions
  std::vector<int> group_of;                               // of each layer; empty: all layers are of the first group
  std::shared_ptr<const AttentionPass> cross;
  Tensor memory;  // as in BlockPass

  BlockPass of_layer(size_t layer) const { return {self[group_of.empty() ? 0 : static_cast<size_t>(group_of[layer])], cross, memory}; }
};

class Stack {
 public:
  // final_norm: after the last layer; empty if there is none.
  Stack(std::span<const LayerConfig> layers, const std::optional<NormConfig>& final_norm, int hidden_size, const Initialization& start,
        Side side, const ParameterScope& scope);

  // x: [tokens, hidden_size]. kept: the rows of each layer, in decoding; empty otherwise.
  Tensor forward(Tensor x, const StackPass& pass, std::span<const LayerRows> kept, ForwardContext& context) const;
  const std::vector<Block>& blocks() const { return blocks_; }

 private:
  std::vector<Block> blocks_;
  std::optional<Norm> final_norm_;
};

}  // namespace qkv
