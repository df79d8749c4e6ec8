// Losses of outputs that do not choose one label: labels that hold or not whatever the others do, and numbers.
#pragma once

#include <cstdint>
#include <span>

#include "ops/ops.h"

namespace qkv {

enum class OutputLoss : uint8_t {
  binary_cross_entropy,  // -t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)), as torch.nn.BCEWithLogitsLoss
  squared_error,         // (x - t)^2, as torch.nn.MSELoss
};

// The sum over all outputs; loss is scale * loss_sum, and nll_sum is loss_sum. outputs: in f32 (f64 on the reference), few values, as the
// loss is computed on the host; targets: as many. The gradient of `outputs` has the type `gradient_type`, that of the rows they were
// computed from.
CrossEntropyResult output_loss(const Tensor& outputs, std::span<const float> targets, OutputLoss kind, float scale, DType gradient_type);

}  // namespace qkv
