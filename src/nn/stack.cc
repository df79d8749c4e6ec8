#include "nn/stack.h"

namespace qkv {
namespace {

constexpr uint64_t kSeedStep = 0x9e3779b97f4a7c15;

}  // namespace

Stack::Stack(std::span<const LayerConfig> layers, int groups, const std::optional<NormConfig>& final_norm, int hidden_size,
             const Initialization& start, Side side, const ParameterScope& scope)
    : side_(side), layers_(layers.size()) {
  if (groups > 0) layers = layers.first(static_cast<size_t>(groups));  // they are alike
  blocks_.reserve(layers.size());
  for (const LayerConfig& layer : layers) {
    blocks_.emplace_back(layer, hidden_size, start, side, scope / "layers" / static_cast<int>(blocks_.size()));
  }
  if (final_norm) final_norm_.emplace(*final_norm, hidden_size, scope / "final_norm");
}

Tensor Stack::forward(Tensor x, const StackPass& stack_pass, std::span<const LayerRows> kept, ForwardContext& context) const {
  const uint64_t seed = context.seed;
  context.side = side_;
  for (size_t layer = 0; layer < layers_; ++layer) {
    context.layer = static_cast<int>(layer);
    const Block& block = blocks_[layer * blocks_.size() / layers_];
    // A dropout is known by its block, which several layers may share.
    if (blocks_.size() < layers_) context.seed = seed + layer * kSeedStep;
    const BlockPass pass = stack_pass.of_layer(layer);
    if (context.recompute == Recompute::layer) {
      x = recomputed({x, pass.memory}, context, [&block, x, pass](ForwardContext& c) { return block.forward(x, pass, nullptr, c); });
    } else {
      x = block.forward(x, pass, kept.empty() ? nullptr : &kept[layer], context);
    }
  }
  context.seed = seed;
  if (!final_norm_) return x;
  x = final_norm_->forward(x);
  context.show("final", "norm", x);
  return x;
}

}  // namespace qkv
