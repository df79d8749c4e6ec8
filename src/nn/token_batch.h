// Sequences of token ids, back to back, and their distribution over batches.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "tensor/segments.h"

namespace qkv {

struct TokenBatch {
  std::vector<int32_t> ids;
  Segments segments;
  std::vector<int32_t> token_types;  // type of each token, if the network uses types; empty: all 0
};

// The sequences with the given numbers, in this order.
TokenBatch pack(std::span<const std::vector<int32_t>> sequences, std::span<const int32_t> numbers);

struct BatchLimits {
  int64_t tokens = 0;  // longer sequences have a batch of their own
  int64_t copies = 1;  // each token counts this often, as with beams
  int64_t sequences = std::numeric_limits<int64_t>::max();
};

// Numbers of the non-empty sequences in batches of similar length, longest first, so that peak memory is allocated at the start.
std::vector<std::vector<int32_t>> batches_by_length(std::span<const std::vector<int32_t>> sequences, const BatchLimits& limits);

}  // namespace qkv
