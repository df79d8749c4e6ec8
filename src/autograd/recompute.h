#pragma once

#include <functional>
#include <initializer_list>

#include "tensor/tape.h"

namespace qkv {

// Activation checkpointing (Chen et al. 2016): y was computed by run() without a tape; in the backward pass run() is recorded on a new
// tape, which is walked at once. `run` must give the same bits each time. inputs: the tensors that may require a gradient.
void record_recomputed(const Tensor& y, std::initializer_list<Tensor> inputs, std::function<Tensor()> run);

}  // namespace qkv
