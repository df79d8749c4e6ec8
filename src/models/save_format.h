// How a model's weights are written.
#pragma once

#include <limits>

#include "io/safetensors.h"
#include "models/model.h"

namespace qkv {

struct SaveFormat {
  SafetensorsType type = SafetensorsType::f32;
  int64_t max_shard_bytes = std::numeric_limits<int64_t>::max();  // of values in a file
};

// save_model() of models/model.h with another type of weights, or divided into several files.
void save_model(const Model& model, const std::filesystem::path& directory, const SaveFormat& format, std::span<const Tensor> weights = {});

}  // namespace qkv
