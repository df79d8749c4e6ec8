// Speed of attention alone, counted as ../shared/peers/attention_torch.py counts it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ops/ops.h"

namespace qkv {

struct AttentionBenchOptions {
  std::string shape = "16x8x512";  // BATCHxHEADSxTOKENS, causal; or ragged: 256 sequences of 8 to 40 tokens, 8 heads, all keys
  DType dtype = DType::f32;
  int64_t head_size = 64;
  std::vector<AttentionImplementation> implementations{AttentionImplementation::automatic};
  int rounds = 3;  // after one that is not counted
};

struct AttentionBenchResult {
  AttentionImplementation implementation = AttentionImplementation::automatic;
  // 4 * head size operations per score, of causal ones half; forward and backward together count as 3.5 forwards.
  double fwd_gflops = 0, fwdbwd_gflops = 0;
  int64_t max_rss_mb = 0;  // of the process so far
};

// The best round of each implementation; they are run in turns. Throws Error(invalid_argument) for a shape of another form.
std::vector<AttentionBenchResult> bench_attention(const AttentionBenchOptions& options);

// What is wrong where `automatic` is slower than another one by more than `noise`, a share; empty where nothing is.
std::string slower_choice(const std::vector<AttentionBenchResult>& results, double noise);

}  // namespace qkv
