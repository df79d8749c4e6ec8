// How a model's weights are written.
#pragma once

#include <limits>

#include "io/safetensors.h"
#include "models/architecture.h"
#include "models/model.h"

namespace qkv {

struct SaveFormat {
  SafetensorsType type = SafetensorsType::f32;
  int64_t max_shard_bytes = std::numeric_limits<int64_t>::max();  // of values in a file
};

// save_model() of models/model.h with another type of weights, or divided into several files.
void save_model(const Model& model, const std::filesystem::path& directory, const SaveFormat& format, std::span<const Tensor> weights = {});

// The weights under the names and in the layout of an architecture's files; `weights` replaces the model's own unless it is empty. Weights
// without a place in the files are added to `left_out`; null: there must be none.
NamedTensors named_weights(const Model& model, const Architecture& architecture, std::span<const Tensor> weights,
                           std::vector<std::string>* left_out = nullptr);

}  // namespace qkv
