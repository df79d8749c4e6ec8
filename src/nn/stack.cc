#include "nn/stack.h"

namespace qkv {

Stack::Stack(const TransformerConfig& config, bool decoder, const ParameterScope& scope) {
  const int layers = decoder ? config.decoder_layers : config.encoder_layers;
  blocks_.reserve(layers);
  for (int layer = 0; layer < layers; ++layer) blocks_.emplace_back(config, decoder, layer, scope / "layers" / layer);
  if (config.norm_position == NormPosition::pre) final_norm_.emplace(scope / "final_norm", config.hidden_size, config.layer_norm_epsilon);
}

Tensor Stack::forward(Tensor x, const Segments& segments, const Tensor& memory, const Segments& memory_segments,
                      ForwardContext& context) const {
  for (const Block& block : blocks_) x = block.forward(x, segments, memory, memory_segments, context);
  return final_norm(x);
}

}  // namespace qkv
