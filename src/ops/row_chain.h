// Several kernels on the same rows as one pass (kernels/params.h, RowChainParams).
#pragma once

#include <initializer_list>
#include <span>

#include "kernels/params.h"
#include "tensor/tensor.h"

namespace qkv {

// On the device of `x`, whose rows these are; one after another where the device has no chains.
void run_row_chain(const Tensor& x, std::span<const RowStep> steps);
inline void run_row_chain(const Tensor& x, std::initializer_list<RowStep> steps) { run_row_chain(x, {steps.begin(), steps.size()}); }

// Rows that live between the steps of a chain only.
inline View rows_between_steps(const Tensor& like) { return {nullptr, like.rows(), like.cols(), like.cols(), like.dtype()}; }

}  // namespace qkv
