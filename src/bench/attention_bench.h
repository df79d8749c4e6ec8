// Speed of the attention op, with the counts of ../shared/peers/attention_torch.py.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ops/ops.h"

namespace qkv {

struct AttentionBenchOptions {
  std::string shape = "16x8x512";  // BATCHxHEADSxTOKENS, causal; or ragged: 256 sequences of 8 to 40 tokens, 8 heads, not causal
  DType dtype = DType::f32;
  int64_t head_size = 64;
  std::vector<AttentionImplementation> implementations{AttentionImplementation::automatic};
  int rounds = 3;  // after a warm-up round
};

struct AttentionBenchResult {
  AttentionImplementation implementation = AttentionImplementation::automatic;
  // 4 * head size operations per score, half as many scores if causal; forward and backward together count as 3.5 forwards.
  double fwd_gflops = 0, fwdbwd_gflops = 0;
  int64_t max_rss_mb = 0;  // peak of the process so far
};

// The best round of each implementation; implementations take turns. Throws Error(invalid_argument) for an invalid shape.
std::vector<AttentionBenchResult> bench_attention(const AttentionBenchOptions& options);

// Describes the case if another implementation is faster than `automatic` by more than the fraction `noise`; empty otherwise.
std::string slower_choice(const std::vector<AttentionBenchResult>& results, double noise);

}  // namespace qkv
