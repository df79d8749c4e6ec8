// A stack of Transformer blocks: an encoder or a decoder.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "nn/block.h"

namespace qkv {

// Sequences, positions and memory of attention in one pass of a stack.
struct StackPass {
  std::vector<std::shared_ptr<const AttentionPass>> self;  // per group of layers with equal positions
  std::vector<int> group_of;                               // group of each layer; empty: all layers are in the first group
  std::shared_ptr<const AttentionPass> cross;
  Tensor memory;  // see BlockPass

  BlockPass of_layer(size_t layer) const { return {self[group_of.empty() ? 0 : static_cast<size_t>(group_of[layer])], cross, memory}; }
};

class Stack {
 public:
  // final_norm: applied after the last layer, if given. groups: see TransformerConfig::layer_groups.
  Stack(std::span<const LayerConfig> layers, int groups, const std::optional<NormConfig>& final_norm, int hidden_size,
        const Initialization& start, Side side, const ParameterScope& scope);

  // x: [tokens, hidden_size]. kept: the rows of each layer in decoding, else empty.
  Tensor forward(Tensor x, const StackPass& pass, std::span<const LayerRows> kept, ForwardContext& context) const;
  // The layers with weights of their own: all of them, or one of each group.
  const std::vector<Block>& blocks() const { return blocks_; }

 private:
  Side side_;
  size_t layers_;
  std::vector<Block> blocks_;
  std::optional<Norm> final_norm_;
};

}  // namespace qkv
