#pragma once

#include <cstddef>
#include <functional>

#include "tensor/tape.h"

namespace qkv {

// Walks the tape backwards and adds d(loss)/d(x) to the gradient of every x that requires one. loss: [1]; seed: the initial d(loss). Each
// node is freed after use; the tape is empty afterwards.
void backward(Tape& tape, const Tensor& loss, float seed = 1);

// backward() that calls after_node(n) when a node's gradients are written and n nodes are left.
void watched_backward(Tape& tape, const Tensor& loss, const std::function<void(size_t nodes_left)>& after_node);

// backward() from the middle of a network: dy is d(loss)/d(y) for an output y recorded on the tape.
void backward_from(Tape& tape, const Tensor& y, const Tensor& dy);

}  // namespace qkv
