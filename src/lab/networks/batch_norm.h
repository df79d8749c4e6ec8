// BatchNorm (Ioffe and Szegedy 2015) for packed sequences: a norm that only the lab's networks have.
#pragma once

#include <memory>
#include <optional>

#include "nn/modules.h"

namespace qkv::lab {

// The tokens whose mean and variance normalize a token's columns in training.
enum class BatchStatistics : uint8_t {
  none,     // no BatchNorm
  all,      // all tokens of the batch, as usual: a causal network's token depends on later ones
  earlier,  // all tokens of the batch at its position or before: nothing leaks from later ones
};

// y = (x - mean) / sqrt(variance + 1e-5) * weight + bias, each column with its own mean and variance for each position of a sequence
// (equal ones for BatchStatistics::all). In training they are the batch's, and running averages follow them with momentum 0.1, PyTorch's
// default; otherwise they are the running ones.
class BatchNorm {
 public:
  // `positions`: the longest sequence.
  BatchNorm(BatchStatistics statistics, int size, int positions, const ParameterScope& scope);
  Tensor forward(const Tensor& x, const Segments& segments, bool training) const;

 private:
  struct Running;
  BatchStatistics statistics_;
  Tensor weight_, bias_;
  std::shared_ptr<Running> running_;  // changed in training
};

// A norm of the lab's network: nn's or BatchNorm.
class NetworkNorm {
 public:
  NetworkNorm(const NormConfig& config, BatchStatistics statistics, int size, int positions, const ParameterScope& scope) {
    if (statistics == BatchStatistics::none) {
      norm_.emplace(config, size, scope);
    } else {
      batch_.emplace(statistics, size, positions, scope);
    }
  }
  Tensor forward(const Tensor& x, const Segments& segments, bool training) const {
    return norm_ ? norm_->forward(x) : batch_->forward(x, segments, training);
  }

 private:
  std::optional<Norm> norm_;
  std::optional<BatchNorm> batch_;
};

}  // namespace qkv::lab
