#include "nn/stack.h"

namespace qkv {

Stack::Stack(std::span<const LayerConfig> layers, const std::optional<NormConfig>& final_norm, int hidden_size, const Initialization& start,
             Side side, const ParameterScope& scope) {
  blocks_.reserve(layers.size());
  for (const LayerConfig& layer : layers) {
    const int index = static_cast<int>(blocks_.size());
    blocks_.emplace_back(layer, hidden_size, start, side, index, scope / "layers" / index);
  }
  if (final_norm) final_norm_.emplace(*final_norm, hidden_size, scope / "final_norm");
}

Tensor Stack::forward(Tensor x, const StackPass& stack_pass, std::span<const LayerRows> kept, ForwardContext& context) const {
  for (size_t layer = 0; layer < blocks_.size(); ++layer) {
    const Block& block = blocks_[layer];
    const BlockPass pass = stack_pass.of_layer(layer);
    if (context.recompute == Recompute::layer) {
      x = recomputed({x, pass.memory}, context, [&block, x, pass](ForwardContext& c) { return block.forward(x, pass, nullptr, c); });
    } else {
      x = block.forward(x, pass, kept.empty() ? nullptr : &kept[layer], context);
    }
  }
  return final_norm_ ? final_norm_->forward(x) : x;
}

}  // namespace qkv
