// The file of a checkpoint with the optimizer's moments. Each process writes and reads those of its own parts of the weights, and the file
// is the one that a single process writes: tensors "m.NAME" and "v.NAME" for each parameter.
#pragma once

#include <filesystem>

#include "nn/parameters.h"
#include "train/gradient_exchange.h"
#include "train/optimizer.h"

namespace qkv {

// All processes call it. The first one makes the file in `directory`, which the others need not know.
void write_moments(const std::filesystem::path& directory, const ParameterStore& parameters, const AdamW& optimizer,
                   const GradientExchange& exchange);

void read_moments(const std::filesystem::path& directory, const ParameterStore& parameters, AdamW& optimizer,
                  const GradientExchange& exchange);

}  // namespace qkv
