// Training speed on real batches, counted as ../shared/peers/train_encdec_torch.py counts it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "nn/transformer_config.h"
#include "tensor/tensor.h"

namespace qkv {

struct TrainBenchOptions {
  std::string shape = "encdec";  // encdec (3+3 layers, 256 wide) or tiny (4+4, 128 wide)
  std::filesystem::path data;    // a folder with train.en and train.de
  DType dtype = DType::f32;      // of activations
  int64_t batch_tokens = 4096;
  int64_t steps = 12;  // measured, after four that are not
  uint64_t seed = 1;
};

struct TrainBenchResult {
  int64_t parameters = 0;
  double tgt_tok_s = 0, all_tok_s = 0;  // real tokens per second; the target's, and both sides'
  double pairs_per_step = 0;
  double forward_ms = 0, backward_ms = 0, optimizer_ms = 0;  // per step
  double loss = 0;                                           // of the last step, per target token
  int64_t max_rss_mb = 0;
};

// Trains a tokenizer and the model of that shape on batches of the data, dropout 0.1 and label smoothing 0.1, and times the steps.
TrainBenchResult bench_train(const TrainBenchOptions& options);

}  // namespace qkv
