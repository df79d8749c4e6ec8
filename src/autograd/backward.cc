#include "autograd/backward.h"

#include <algorithm>

#include "tensor/tensor_impl.h"

namespace qkv {
namespace {

void walk(Tape& tape, const Tensor& y, const Tensor& dy, const std::function<void(size_t)>* after_node) {
  y.impl().grad = dy;
  RecordScope no_recording(nullptr);
  while (!tape.nodes.empty()) {
    Tape::Node node = std::move(tape.nodes.back());
    tape.nodes.pop_back();
    // All gradients are empty: the loss does not depend on this node, and it is skipped.
    std::vector<Tensor> gradients;
    for (const Tensor& output : node.outputs) gradients.push_back(output.grad());
    if (std::any_of(gradients.begin(), gradients.end(), [](const Tensor& each) { return static_cast<bool>(each); })) {
      node.backward(gradients);
      for (const Tensor& output : node.outputs) output.clear_grad();
    }
    if (after_node) (*after_node)(tape.nodes.size());
  }
}

Tensor seed_of(const Tensor& loss, float seed) {
  QKV_CHECK(loss.numel() == 1, "[backward] the loss has {} values instead of 1", loss.numel());
  return Tensor::from({&seed, 1}, loss.shape(), loss.dtype(), loss.device());
}

}  // namespace

void backward(Tape& tape, const Tensor& loss, float seed) { walk(tape, loss, seed_of(loss, seed), nullptr); }

void watched_backward(Tape& tape, const Tensor& loss, const std::function<void(size_t nodes_left)>& after_node) {
  walk(tape, loss, seed_of(loss, 1), &after_node);
}

void backward_from(Tape& tape, const Tensor& y, const Tensor& dy) { walk(tape, y, dy, nullptr); }

}  // namespace qkv
