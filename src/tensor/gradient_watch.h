// Tells which gradients an op writes.
#pragma once

#include <functional>

#include "tensor/tensor.h"

namespace qkv {

// While it lives, `wrote(x)` is called on this thread whenever an op is about to write or add to the gradient of x.
class GradientWatch {
 public:
  explicit GradientWatch(std::function<void(const Tensor& x)> wrote);
  ~GradientWatch();
  GradientWatch(const GradientWatch&) = delete;
  GradientWatch& operator=(const GradientWatch&) = delete;

 private:
  const std::function<void(const Tensor&)> wrote_;
  const std::function<void(const Tensor&)>* previous_;
};

}  // namespace qkv
