#include "nn/convolution.h"

#include <cmath>

namespace qkv {

// Initialized as torch.nn.Conv1d: uniform within 1 / sqrt(inputs of an output).
Convolution::Convolution(const ConvolutionLayerOptions& options, const ParameterScope& scope) : placed_(options.placed) {
  QKV_CHECK(options.input_size > 0 && options.output_size > 0 && options.width > 0,
            "[convolution] {} to {} columns, {} wide; each must be at least 1", options.input_size, options.output_size, options.width);
  const Initializer start = Initializer::uniform(1 / std::sqrt(static_cast<float>(options.input_size * options.width)));
  weight_ = scope.create("weight", {options.output_size, options.input_size, options.width}, start, true);
  bias_ = scope.create("bias", {options.output_size}, start, false);
}

}  // namespace qkv
