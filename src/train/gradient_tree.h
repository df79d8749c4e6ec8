// Adds the gradients of consecutive slices pairwise in a binary tree, which needs memory for the logarithm of their number.
#pragma once

#include <vector>

#include "nn/parameters.h"

namespace qkv {

// The sum of the gradients of some slices.
struct GradientSum {
  std::vector<Tensor> gradients;  // per parameter; empty: none of the slices had one
  double loss = 0;                // added in the same order
};

class GradientTree {
 public:
  explicit GradientTree(ParameterStore& parameters) : parameters_(parameters) {}

  // Takes the parameters' gradients, those of the next slice but the last, away from them. The number of slices is a power of two.
  void add(double loss);
  // The same for the last slice, one parameter after another in any order: returns the sum over all slices; empty if none had a gradient.
  Tensor complete(size_t parameter);
  // The sum of the losses, of which `loss` is the last slice's.
  double complete_loss(double loss) const;

 private:
  struct Subtree {
    int height = 0;
    GradientSum sum;
  };

  ParameterStore& parameters_;
  std::vector<Subtree> open_;  // their heights fall, at last to 0 by ones
};

// Makes the sums the gradients of the parameters.
void set_gradients(ParameterStore& parameters, const GradientSum& sum);

}  // namespace qkv
