// Losses of few outputs: labels that hold or not whatever the others do, numbers, and choices.
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

// The sum over groups of neighbouring outputs of -log softmax(outputs of the group)[target], as torch.nn.CrossEntropyLoss. groups: their
// sizes, which add up to the number of outputs; targets: an index within each.
CrossEntropyResult group_loss(const Tensor& outputs, std::span<const int32_t> groups, std::span<const int32_t> targets, float scale,
                              DType gradient_type);

}  // namespace qkv
