#include "autograd/backward.h"

#include <algorithm>

#include "tensor/tensor_impl.h"

namespace qkv {

void backward(Tape& tape, const Tensor& loss, float seed) {
  QKV_CHECK(loss.numel() == 1, "[backward] the loss has {} values instead of 1", loss.numel());
  backward_from(tape, loss, Tensor::from({&seed, 1}, loss.shape(), loss.dtype(), loss.device()));
}

void backward_from(Tape& tape, const Tensor& y, const Tensor& dy) {
  y.impl().grad = dy;
  RecordScope no_recording(nullptr);
  while (!tape.nodes.empty()) {
    Tape::Node node = std::move(tape.nodes.back());
    tape.nodes.pop_back();
    // All gradients are empty: the loss does not depend on this node, and it is skipped.
    std::vector<Tensor> gradients;
    for (const Tensor& output : node.outputs) gradients.push_back(output.grad());
    if (std::none_of(gradients.begin(), gradients.end(), [](const Tensor& dy) { return static_cast<bool>(dy); })) continue;
    node.backward(gradients);
    for (const Tensor& output : node.outputs) output.clear_grad();
  }
}

}  // namespace qkv
