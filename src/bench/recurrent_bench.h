// Training speed of recurrent layers alone, as bench/recurrent_torch.py measures torch.nn.RNN, GRU and LSTM.
#pragma once

#include "nn/recurrent.h"

namespace qkv {

struct RecurrentBenchOptions {
  RecurrentCell cell = RecurrentCell::lstm;
  int hidden_size = 512;  // and input_size
  int num_layers = 2;
  int sequences = 64, steps = 64;  // of one batch: all as long
  int rounds = 7;                  // after one that is not counted; the median of each time
};

struct RecurrentBenchResult {
  int64_t parameters = 0;
  double forward_ms = 0, backward_ms = 0;  // backward: the gradients of the input and of all weights
  double tok_s = 0;                        // of both together
  double gflops = 0;                       // products alone, counted as three times the forward's
  int64_t max_rss_mb = 0;
};

RecurrentBenchResult bench_recurrent(const RecurrentBenchOptions& options);

}  // namespace qkv
