// What ops leave behind for the gradient. While a Tape records on this thread, an op whose input requires a gradient calls
// record(); autograd/backward.h walks the tape. Without a tape nothing is kept: inference is the default.
#pragma once

#include <functional>
#include <initializer_list>
#include <span>
#include <vector>

#include "tensor/tensor.h"

namespace qkv {

class Tape {
 public:
  struct Node {
    std::vector<Tensor> outputs;
    std::function<void(std::span<const Tensor> output_gradients)> backward;  // empty tensors for outputs that nothing used
  };
  std::vector<Node> nodes;

  static Tape* current();  // the one that records on this thread, or null
};

// Makes `tape` (or none) record on this thread until the end of the scope.
class RecordScope {
 public:
  explicit RecordScope(Tape* tape);
  ~RecordScope();
  RecordScope(const RecordScope&) = delete;
  RecordScope& operator=(const RecordScope&) = delete;

 private:
  Tape* previous_;
};

// Is a gradient wanted for any of these (empty tensors count as no)?
bool wants_gradient(std::span<const Tensor> inputs);
inline bool wants_gradient(std::initializer_list<Tensor> inputs) { return wants_gradient(std::span(inputs.begin(), inputs.size())); }

// Puts the op on the tape where wants_gradient(inputs); `backward` receives the gradient of `output`.
void record(const Tensor& output, std::initializer_list<Tensor> inputs, std::function<void(const Tensor&)> backward);
// Of several outputs at once.
void record(std::span<const Tensor> outputs, std::span<const Tensor> inputs, std::function<void(std::span<const Tensor>)> backward);

// The place where an op's backward puts its share of x's gradient: written the first time, added to afterwards. Gradients of
// parameters (f32 masters) are f32 and gradients of activations have the activation's type. Empty view where none is wanted.
struct GradientSlot {
  View view;
  bool accumulate = false;
  explicit operator bool() const { return static_cast<bool>(view); }
};
GradientSlot gradient_slot(const Tensor& x);
// Gives a gradient that was made as a tensor of its own: becomes x's gradient, or is added to it.
void add_gradient(const Tensor& x, const Tensor& dx);
// The same for kernels that can only add: the gradient is zeroed at first use.
View gradient_sum(const Tensor& x);

}  // namespace qkv
