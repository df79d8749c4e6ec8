#include "autograd/backward.h"

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
    // Nothing downstream of the loss used this output: its gradient is zero.
    if (!node.output.grad()) continue;
    node.backward(node.output.grad());
    node.output.clear_grad();
  }
}

}  // namespace qkv
