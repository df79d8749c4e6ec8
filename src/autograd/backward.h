#pragma once

#include "tensor/tape.h"

namespace qkv {

// Walks the tape from its end and adds d(loss)/d(x) to the gradient of every x that requires one. loss: [1]; seed: d(loss) to start
// from. Each node is freed as soon as it was used; the tape is empty afterwards.
void backward(Tape& tape, const Tensor& loss, float seed = 1);

// The same from the middle of a network: dy is d(loss)/d(y) for some y that the tape made.
void backward_from(Tape& tape, const Tensor& y, const Tensor& dy);

}  // namespace qkv
