#pragma once

#include "tensor/tape.h"

namespace qkv {

// Walks the tape from its end and adds d(loss)/d(x) to the gradient of every x that requires one. loss: [1]; seed: d(loss) to start
// from. Each node is freed as soon as it was used; the tape is empty afterwards.
void backward(Tape& tape, const Tensor& loss, float seed = 1);

}  // namespace qkv
