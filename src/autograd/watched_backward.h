// A backward pass that is followed node by node.
#pragma once

#include <cstddef>
#include <functional>

#include "tensor/tape.h"

namespace qkv {

// backward() that calls after_node(n) when a node's gradients are written and n nodes are left.
void watched_backward(Tape& tape, const Tensor& loss, const std::function<void(size_t nodes_left)>& after_node);

}  // namespace qkv
