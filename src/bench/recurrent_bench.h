// Training speed of recurrent layers, with the measurements of bench/recurrent_torch.py for torch.nn.RNN, GRU and LSTM.
#pragma once

#include "nn/recurrent.h"

namespace qkv {

struct RecurrentBenchOptions {
  RecurrentCell cell = RecurrentCell::lstm;
  int hidden_size = 512;  // also the input size
  int num_layers = 2;
  int sequences = 64, steps = 64;  // batch shape; sequences have equal lengths
  int rounds = 7;                  // after a warm-up round; times are medians
};

struct RecurrentBenchResult {
  int64_t parameters = 0;
  double forward_ms = 0, backward_ms = 0;  // backward: gradients of the input and of all weights
  double tok_s = 0;                        // tokens per second, forward and backward
  double gflops = 0;                       // speed of the matrix products, counted as three times the forward's
  int64_t max_rss_mb = 0;
};

RecurrentBenchResult bench_recurrent(const RecurrentBenchOptions& options);

}  // namespace qkv
