#include "lab/networks/flops.h"
#include "nn/uniform_config.h"

namespace qkv::lab {

double training_flops(const UniformConfig& config, const Segments& source, const Segments& target) {
  const double h = config.hidden_size, projection = h * h;
  const double encoder = config.encoder_layers * (4 * projection + 2 * h * config.encoder_ffn_dim);
  const double decoder = config.decoder_layers * (4 * projection + 2 * h * config.decoder_ffn_dim) + h * config.vocab_size;
  double operations = 0;  // of the forward pass
  for (int64_t i = 0; i < target.count(); ++i) {
    const auto t = static_cast<double>(target.length(i));
    operations += 2 * t * decoder + config.decoder_layers * 2 * t * t * h;
    if (!config.has_encoder()) continue;
    const auto s = static_cast<double>(source.length(i));
    operations += 2 * s * encoder + config.encoder_layers * 4 * s * s * h;
    operations += config.decoder_layers * (2 * (2 * t + 2 * s) * projection + 4 * t * s * h);  // attention to the source
  }
  return 3 * operations;
}

}  // namespace qkv::lab
