// Adds the gradients of consecutive slices pairwise in a binary tree, which needs memory for the logarithm of their number.
#pragma once

#include <utility>
#include <vector>

#include "base/error.h"
#include "nn/parameters.h"

namespace qkv {

// The sum of values that come one after another, added as the leaves of a binary tree are: a sum over 2^k of them is made of the two sums
// over half of them. Their number is a power of two.
template <typename T>
class PairwiseSum {
 public:
  template <typename Add>
  void add(T value, const Add& sum_of) {
    int height = 0;
    for (; !open_.empty() && open_.back().height == height; ++height) {
      value = sum_of(std::move(open_.back().sum), std::move(value));
      open_.pop_back();
    }
    open_.push_back({height, std::move(value)});
  }
  T take() {
    QKV_CHECK(open_.size() == 1, "[pairwise sum] {} subtrees are left", open_.size());
    T sum = std::move(open_.back().sum);
    open_.pop_back();
    return sum;
  }

 private:
  struct Subtree {
    int height = 0;
    T sum;
  };
  std::vector<Subtree> open_;  // their heights fall
};

class GradientTree {
 public:
  explicit GradientTree(ParameterStore& parameters) : parameters_(parameters), gradients_(parameters.all().size()) {}

  // Takes the gradient of a slice away from the parameter, in any order of the parameters. Best as soon as it is complete, while it lies in
  // the processor's caches.
  void add(size_t parameter);
  void add_loss(double loss);
  // The sums, once after the last slice. Empty: no slice had a gradient.
  Tensor take(size_t parameter) { return gradients_[parameter].take(); }
  double take_loss() { return loss_.take(); }

 private:
  ParameterStore& parameters_;
  std::vector<PairwiseSum<Tensor>> gradients_;
  PairwiseSum<double> loss_;
};

}  // namespace qkv
