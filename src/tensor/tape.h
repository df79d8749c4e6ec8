// Recording of ops for the gradient. While a Tape records on this thread, an op whose input requires a gradient calls record(), and
// autograd/backward.h walks the tape. Without a tape nothing is kept: inference is the default.
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
    std::function<void(std::span<const Tensor> output_gradients)> backward;  // receives an empty tensor for each unused output
  };
  std::vector<Node> nodes;

  static Tape* current();  // the tape that records on this thread, or null
};

// Makes `tape` (or none, if null) record on this thread until the end of the scope.
class RecordScope {
 public:
  explicit RecordScope(Tape* tape);
  ~RecordScope();
  RecordScope(const RecordScope&) = delete;
  RecordScope& operator=(const RecordScope&) = delete;

 private:
  Tape* previous_;
};

// Is a gradient wanted for any of `inputs`? Empty tensors count as no.
bool wants_gradient(std::span<const Tensor> inputs);
inline bool wants_gradient(std::initializer_list<Tensor> inputs) { return wants_gradient(std::span(inputs.begin(), inputs.size())); }

// Adds the op to the tape if wants_gradient(inputs); `backward` receives the gradient of `output`.
void record(const Tensor& output, std::initializer_list<Tensor> inputs, std::function<void(const Tensor&)> backward);
// record() for an op with several outputs.
void record(std::span<const Tensor> outputs, std::span<const Tensor> inputs, std::function<void(std::span<const Tensor>)> backward);

// The destination of an op's contribution to x's gradient: overwritten by the first op, accumulated by later ones. Gradients of parameters
// (f32 masters) are f32, those of activations have the activation's type. The view is empty if no gradient is wanted.
struct GradientSlot {
  View view;
  bool accumulate = false;
  explicit operator bool() const { return static_cast<bool>(view); }
};
GradientSlot gradient_slot(const Tensor& x);
// Adds a gradient held in its own tensor, which becomes x's gradient if there is none yet.
void add_gradient(const Tensor& x, const Tensor& dx);
// The gradient of x for kernels that only accumulate: zeroed at first use.
View gradient_sum(const Tensor& x);

}  // namespace qkv
