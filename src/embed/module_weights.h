// The weights of the modules after the pooling.
#pragma once

#include "embed/sentence_files.h"
#include "tensor/tensor.h"

namespace qkv {

struct ModuleWeights {
  Tensor weight, bias;  // in f32; no bias: empty
};

// Both throw Error(bad_input) if the files lack a tensor or hold one of another shape than the module's settings say, and
// Error(unsupported) if they hold others.
ModuleWeights read_dense_weights(const DenseModule& dense);
ModuleWeights read_layer_norm_weights(const LayerNormModule& norm);

}  // namespace qkv
