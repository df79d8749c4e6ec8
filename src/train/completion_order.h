// When a backward pass completes the gradient of each parameter, learned from an earlier pass over a tape of the same length.
#pragma once

#include <functional>
#include <map>
#include <unordered_map>
#include <vector>

#include "nn/parameters.h"
#include "tensor/tape.h"

namespace qkv {

class CompletionOrder {
 public:
  explicit CompletionOrder(const ParameterStore& parameters);

  // backward() that calls completed(parameter) as soon as nothing is added to its gradient any more. A pass over a tape of another length
  // than all before completes none. Throws Error(internal) if a later pass differs from the first of its length.
  void backward(Tape& tape, const Tensor& loss, const std::function<void(size_t parameter)>& completed);

 private:
  // The parameters that are complete when so many nodes are left.
  using Completed = std::vector<std::vector<size_t>>;
  Completed learn(Tape& tape, const Tensor& loss) const;

  std::unordered_map<const Tensor::Impl*, size_t> numbers_;
  std::map<size_t, Completed> known_;  // by the length of the tape
};

}  // namespace qkv
