// The seam for training in several processes: each computes some batches of an update, and their gradients are added before they are
// clipped.
#pragma once

#include "nn/parameters.h"

namespace qkv {

// All processes read the same data in the same order and hold the same weights; batch i of an update belongs to process i % processes().
// Random choices in a batch (dropout, hidden tokens) depend on the batch's number in the whole training, not on who computes it.
class GradientExchange {
 public:
  virtual ~GradientExchange() = default;

  virtual int processes() const = 0;
  virtual int process() const = 0;  // this one, from 0

  // Replaces the gradients and the update's loss by their sums over all processes, the same bits everywhere. A gradient that one process
  // has and another lacks counts as zeros there. Every process calls it once for each update. Throws where another process is gone.
  virtual void sum(ParameterStore& parameters, double& loss) = 0;
};

// One process alone: its sums are the sums.
class LocalExchange final : public GradientExchange {
 public:
  int processes() const override { return 1; }
  int process() const override { return 0; }
  void sum(ParameterStore&, double&) override {}
};

}  // namespace qkv
