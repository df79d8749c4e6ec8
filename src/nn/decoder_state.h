// What step-by-step decoding keeps: keys and values of all tokens fed so far, and which of them belong to each hypothesis.
#pragma once

#include <vector>

#include "tensor/segments.h"
#include "tensor/tensor.h"

namespace qkv {

struct KeyValueCache {
  Tensor k, v;  // [rows, num_key_value_heads * head_dim]
};

struct DecoderState {
  struct LayerCache {
    KeyValueCache self;   // one row per token fed, `capacity` of them
    KeyValueCache cross;  // the memory's
  };
  std::vector<LayerCache> layers;
  Segments memory_segments;
  int64_t rows = 0;  // of the self caches, in use
  int64_t capacity = 0;
  // history[i] lists the rows of hypothesis i, oldest first: beam search copies these lists, never keys.
  std::vector<std::vector<int32_t>> history;
};

}  // namespace qkv
