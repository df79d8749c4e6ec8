// Interface for training in several processes: each computes some batches of an update, and their gradients are added before clipping.
#pragma once

#include "nn/parameters.h"

namespace qkv {

// All processes read equal data in equal order and hold equal weights; batch i of an update belongs to process i % processes(). Random
// choices in a batch (dropout, hidden tokens) depend on the number of the batch in the whole training, not on the process.
class GradientExchange {
 public:
  virtual ~GradientExchange() = default;

  virtual int processes() const = 0;
  virtual int process() const = 0;  // number of this process, from 0

  // Replaces the gradients and the update's loss by their sums over all processes, with identical bits in each. A gradient that a process
  // lacks counts as zeros. Every process calls this once per update. Throws if another process is gone.
  virtual void sum(ParameterStore& parameters, double& loss) = 0;
};

// A single process: the sums are its own values.
class LocalExchange final : public GradientExchange {
 public:
  int processes() const override { return 1; }
  int process() const override { return 0; }
  void sum(ParameterStore&, double&) override {}
};

}  // namespace qkv
