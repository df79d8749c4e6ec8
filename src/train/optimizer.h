// AdamW for all weights of a model, with clipping by the global norm and a moving average of the weights.
#pragma once

#include <vector>

#include "nn/parameters.h"

namespace qkv {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.98, epsilon = 1e-9;
  double weight_decay = 0;   // applied to parameters that request it: matrices, but not norms and biases
  double clip_norm = 0;      // 0: no clipping
  double average_decay = 0;  // 0: no averaging
};

// One update t (1, 2, …) with gradient g, clipped to norm c (torch.nn.utils.clip_grad_norm_: g * min(1, c / (norm + 1e-6))), and learning
// rate a, as torch.optim.AdamW computes it (Loshchilov and Hutter 2019, algorithm 2):
//   w <- w - a * weight_decay * w
//   m <- beta1 m + (1 - beta1) g,   v <- beta2 v + (1 - beta2) g^2
//   w <- w - a * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)
//   average <- d average + (1 - d) w   with d = min(average_decay, (1 + t) / (10 + t)), so that early weights are soon forgotten
class AdamW {
 public:
  // `averages` are the weights of a second model in the same order; null: no averaging. Both stores must outlive this object.
  AdamW(ParameterStore& parameters, const AdamWOptions& options, ParameterStore* averages);

  // Square root of the sum of squares of all gradients, in double. The sum is taken parameter by parameter, so it does not depend on the
  // number of threads.
  double gradient_norm() const;
  // Updates the weights and clears the gradients. `norm` is the result of gradient_norm().
  void step(double learning_rate, double norm);

  int64_t steps() const { return steps_; }
  void set_steps(int64_t steps) { steps_ = steps; }
  // The moments, in the order of the parameters.
  const std::vector<Tensor>& m() const { return m_; }
  const std::vector<Tensor>& v() const { return v_; }

 private:
  ParameterStore& parameters_;
  AdamWOptions options_;
  ParameterStore* averages_;
  std::vector<Tensor> m_, v_;
  int64_t steps_ = 0;
};

}  // namespace qkv
