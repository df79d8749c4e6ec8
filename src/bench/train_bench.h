// Training speed on real batches, with the counts of the peers' train_encdec_torch.py and train_gpt_torch.py.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "nn/transformer_config.h"
#include "tensor/tensor.h"

namespace qkv {

struct TrainBenchOptions {
  std::string shape = "encdec";  // encdec (3+3 layers, width 256), tiny (4+4, width 128) or gpt (decoder of 6 layers, width 384)
  std::filesystem::path data;    // directory with train.en and train.de; for gpt with input.txt
  DType dtype = DType::f32;      // type of activations
  int64_t batch_tokens = 0;      // 0: the peer's value, 4096 or 64 windows of 256
  int64_t steps = 12;            // measured, after four that are not measured
  uint64_t seed = 1;
};

struct TrainBenchResult {
  int64_t parameters = 0;
  double tgt_tok_s = 0, all_tok_s = 0;                       // real tokens per second: of the target, and of both sides
  double sequences_per_step = 0;                             // target sequences
  double forward_ms = 0, backward_ms = 0, optimizer_ms = 0;  // per step
  double loss = 0;                                           // loss of the last step, per target token
  int64_t max_rss_mb = 0;
};

// Trains a tokenizer and the model of that shape on batches of the data and times the steps.
TrainBenchResult bench_train(const TrainBenchOptions& options);

}  // namespace qkv
