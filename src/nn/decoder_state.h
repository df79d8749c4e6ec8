// What step-by-step decoding keeps: keys and values of all tokens fed so far, and which of them belong to each hypothesis.
#pragma once

#include <vector>

#include "tensor/segments.h"
#include "tensor/tensor.h"

namespace qkv {

struct DecoderState {
  struct LayerCache {
    Tensor self_k, self_v;    // [capacity, num_key_value_heads * head_dim]; one row per (step, hypothesis)
    Tensor cross_k, cross_v;  // [memory tokens, num_key_value_heads * head_dim]
  };
  std::vector<LayerCache> layers;
  Segments memory_segments;
  int64_t rows = 0;  // rows of self_k and self_v in use
  int64_t capacity = 0;
  // history[i] lists the rows of hypothesis i, oldest first: beam search copies these lists, never keys.
  std::vector<std::vector<int32_t>> history;
};

}  // namespace qkv
