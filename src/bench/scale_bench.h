// What training in several processes costs: the step, the link between them, and what both predict for more machines.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "qkv/trainer.h"

namespace qkv {

struct ScaleBenchOptions {
  int64_t hidden_size = 256, layers = 3, vocab_size = 8000;  // of an encoder-decoder; `layers` each
  int64_t batch_tokens = 4096;                               // of a slice, on both sides together
  int64_t slices = 1;                                        // of each process
  int64_t steps = 8;                                         // measured, after two that are not
  TrainPrecision dtype = TrainPrecision::f32;
};

// A link between machines: seconds until a message arrives, and bytes per second in each direction.
struct Link {
  double latency = 0, bandwidth = 0;
};

// What a step consists of besides the link.
struct StepCosts {
  double compute = 0;        // seconds for the gradients of a process's slices
  double backward = 0;       // of these, the last slice's backward pass, behind which sums of gradients travel
  double update = 0;         // seconds to update all weights, divided among the processes
  double add = 0, copy = 0;  // seconds per byte of gradients to add, and of weights or gradients to copy
  int64_t bytes = 0;         // of all weights in f32
  int64_t last_bucket = 0;   // of the bucket with the embedding, whose gradient is complete last
};

struct StepEstimate {
  double seconds = 0, compute = 0, link = 0, memory = 0;  // memory: updating, adding and copying
};

// Time of a step of `processes`, a power of two, in which each computes what `costs` says. Recursive halving and doubling send
// 2 (1 - 1/N) of the weights' bytes, in messages of at most 4 MiB one after another. Of the halving, what takes longer than the backward
// pass is counted, and at least the bucket that is complete last.
StepEstimate estimate_step(const StepCosts& costs, const Link& link, int processes);

struct ScaleBenchResult {
  int processes = 1;
  int64_t parameters = 0;
  double step = 0, compute = 0, exchange = 0, update = 0, share = 0;  // seconds per step, of the slowest process
  // Seconds per step in which sums of gradients are transferred, and the part of them after the last gradient; by the trace of the steps,
  // without waiting for slower processes.
  double transfer = 0, exposed = 0;
  double tokens_per_second = 0;      // predicted ones, of all processes
  double threads_per_processor = 0;  // of the fullest host
  int64_t max_rss_mb = 0;            // of the largest process
  Link link;                         // between the processes at hand; zeros for one
  StepCosts costs;
};

// All processes of the launch call it; all get the result.
ScaleBenchResult bench_scale(const ScaleBenchOptions& options);

}  // namespace qkv
