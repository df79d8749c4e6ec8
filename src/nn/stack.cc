#include "nn/stack.h"

namespace qkv {

Stack::Stack(const TransformerConfig& config, bool decoder, const ParameterScope& scope) {
  const int layers = decoder ? config.decoder_layers : config.encoder_layers;
  blocks_.reserve(layers);
  for (int layer = 0; layer < layers; ++layer) blocks_.emplace_back(config, decoder, layer, scope / "layers" / layer);
  if (config.norm_position == NormPosition::pre) final_norm_.emplace(config, scope / "final_norm");
}

Tensor Stack::forward(Tensor x, const BlockPass& pass, DecoderState* state, ForwardContext& context) const {
  for (size_t layer = 0; layer < blocks_.size(); ++layer) {
    const Block& block = blocks_[layer];
    if (context.recompute == Recompute::layer) {
      x = recomputed({x, pass.memory}, context, [&block, x, pass](ForwardContext& c) { return block.forward(x, pass, nullptr, c); });
    } else {
      x = block.forward(x, pass, state ? &state->layers[layer] : nullptr, context);
    }
  }
  return final_norm_ ? final_norm_->forward(x) : x;
}

}  // namespace qkv
