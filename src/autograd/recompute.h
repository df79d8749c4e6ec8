#pragma once

#include <functional>
#include <initializer_list>

#include "tensor/tape.h"

namespace qkv {

// Activation checkpointing (Chen et al. 2016): y was computed by run() without a tape; when its gradient comes, run() computes it again
// with one, and that is walked back at once. `run` must give the same bits each time. inputs: those that may want a gradient.
void record_recomputed(const Tensor& y, std::initializer_list<Tensor> inputs, std::function<Tensor()> run);

}  // namespace qkv
