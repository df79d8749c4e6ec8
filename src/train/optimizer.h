// AdamW for all weights of a model, with clipping by the global norm and a moving average of the weights.
#pragma once

#include <vector>

#include "train/parameter_row.h"

namespace qkv {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.98, epsilon = 1e-9;
  double weight_decay = 0;   // applied to parameters that request it: matrices, but not norms and biases
  double clip_norm = 0;      // 0: no clipping
  double average_decay = 0;  // 0: no averaging
  double layer_decay = 1;    // of learning rates, from a layer to the one below: layer_rates()
};

// One update t (1, 2, …) with gradient g, clipped to norm c (torch.nn.utils.clip_grad_norm_: g * min(1, c / (norm + 1e-6))), and learning
// rate a (times the parameter's factor of layer_rates()), as torch.optim.AdamW computes it (Loshchilov and Hutter 2019, algorithm 2):
//   w <- w - a * weight_decay * w
//   m <- beta1 m + (1 - beta1) g,   v <- beta2 v + (1 - beta2) g^2
//   w <- w - a * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)
//   average <- d average + (1 - d) w   with d = min(average_decay, (1 + t) / (10 + t)), so that early weights are soon forgotten
class AdamW {
 public:
  // `averages` are the weights of a second model in the same order; null: no averaging. Both stores must outlive this object.
  AdamW(ParameterStore& parameters, const AdamWOptions& options, ParameterStore* averages);
  // An optimizer of parts [first, last) of the row, which alone it updates and holds moments of.
  AdamW(ParameterStore& parameters, const AdamWOptions& options, ParameterStore* averages, const ParameterRow& row, int first, int last);

  // Square root of the sum of squares of all gradients, in double. The sum is taken piece by piece, so it does not depend on the number of
  // threads.
  double gradient_norm() const { return norm_of(squares()); }
  // The sums of squares of all pieces of the row, of which those outside of this optimizer's parts are zero; and the norm that follows from
  // complete ones.
  std::vector<double> squares() const;
  static double norm_of(const std::vector<double>& squares);
  // Updates the weights and clears the gradients. `norm` is the result of gradient_norm().
  void step(double learning_rate, double norm);

  int64_t steps() const { return steps_; }
  void set_steps(int64_t steps) { steps_ = steps; }
  const ParameterRow& row() const { return row_; }
  // This optimizer's moments: parts [first, last) of the row's buckets, one after another.
  const Tensor& m_values() const { return m_; }
  const Tensor& v_values() const { return v_; }
  // The moments of an optimizer of the whole row, in the order of the parameters.
  std::vector<Tensor> m() const { return row_.views(m_); }
  std::vector<Tensor> v() const { return row_.views(v_); }

 private:
  ParameterStore& parameters_;
  AdamWOptions options_;
  ParameterStore* averages_;
  std::vector<double> rates_;  // of the learning rate, by parameter
  ParameterRow row_;
  std::vector<ParameterPiece> pieces_;  // of this optimizer's parts
  std::vector<size_t> places_;          // of them among the pieces of the whole row
  size_t all_pieces_ = 0;               // in the whole row
  Tensor m_, v_;                        // [values, 1]
  int64_t steps_ = 0;
};

}  // namespace qkv
