#include "tensor/tape.h"

#include <utility>

#include "tensor/gradient_watch.h"
#include "tensor/tensor_impl.h"

namespace qkv {
namespace {
thread_local Tape* recording = nullptr;
thread_local const std::function<void(const Tensor&)>* watching = nullptr;
}  // namespace

GradientWatch::GradientWatch(std::function<void(const Tensor& x)> wrote) : wrote_(std::move(wrote)), previous_(watching) {
  watching = &wrote_;
}
GradientWatch::~GradientWatch() { watching = previous_; }

Tape* Tape::current() { return recording; }

RecordScope::RecordScope(Tape* tape) : previous_(recording) { recording = tape; }
RecordScope::~RecordScope() { recording = previous_; }

bool wants_gradient(std::span<const Tensor> inputs) {
  if (!recording) return false;
  for (const Tensor& x : inputs) {
    if (x.requires_grad()) return true;
  }
  return false;
}

void record(const Tensor& output, std::initializer_list<Tensor> inputs, std::function<void(const Tensor&)> backward) {
  record({&output, 1}, {inputs.begin(), inputs.size()}, [backward = std::move(backward)](std::span<const Tensor> dy) { backward(dy[0]); });
}

void record(std::span<const Tensor> outputs, std::span<const Tensor> inputs, std::function<void(std::span<const Tensor>)> backward) {
  if (!wants_gradient(inputs)) return;
  for (const Tensor& output : outputs) output.set_requires_grad(true);
  recording->nodes.push_back({{outputs.begin(), outputs.end()}, std::move(backward)});
}

GradientSlot gradient_slot(const Tensor& x) {
  if (!x.requires_grad()) return {};
  if (watching) (*watching)(x);
  Tensor::Impl& impl = x.impl();
  const bool accumulate = static_cast<bool>(impl.grad);
  if (!accumulate) impl.grad = Tensor::empty(x.shape(), x.dtype(), x.device());
  return {impl.grad.view(), accumulate};
}

void add_gradient(const Tensor& x, const Tensor& dx) {
  if (!x.requires_grad()) return;
  if (watching) (*watching)(x);
  Tensor::Impl& impl = x.impl();
  if (!impl.grad) {
    impl.grad = dx;
  } else {
    kernels_for(x).copy({.x = dx.view(), .out = impl.grad.view(), .accumulate = true});
  }
}

View gradient_sum(const Tensor& x) {
  const GradientSlot slot = gradient_slot(x);
  if (slot && !slot.accumulate) kernels_for(x).memory.fill(slot.view.data, 0, x.numel() * size_of(x.dtype()));
  return slot.view;
}

}  // namespace qkv
