// Speed of attention alone, counted as ../shared/peers/attention_torch.py counts it.
#pragma once

#include <cstdint>
#include <string>

#include "tensor/tensor.h"

namespace qkv {

struct AttentionBenchOptions {
  std::string shape = "16x8x512";  // BATCHxHEADSxTOKENS, causal; or ragged: 256 sequences of 8 to 40 tokens, 8 heads, all keys
  DType dtype = DType::f32;
  int64_t head_size = 64;
};

struct AttentionBenchResult {
  // 4 * head size operations per score, of causal ones half; forward and backward together count as 3.5 forwards.
  double fwd_gflops = 0, fwdbwd_gflops = 0;
  int64_t max_rss_mb = 0;
};

// Best of three after one that is not counted. Throws Error(invalid_argument) for a shape of another form.
AttentionBenchResult bench_attention(const AttentionBenchOptions& options);

}  // namespace qkv
