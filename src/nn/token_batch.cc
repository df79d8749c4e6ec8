#include "nn/token_batch.h"

#include <algorithm>

namespace qkv {

TokenBatch pack(std::span<const std::vector<int32_t>> sequences, std::span<const int32_t> numbers) {
  TokenBatch batch;
  std::vector<int32_t> lengths;
  for (const int32_t i : numbers) {
    const std::vector<int32_t>& ids = sequences[static_cast<size_t>(i)];
    batch.ids.insert(batch.ids.end(), ids.begin(), ids.end());
    lengths.push_back(static_cast<int32_t>(ids.size()));
  }
  batch.segments = Segments::of_lengths(lengths);
  return batch;
}

std::vector<std::vector<int32_t>> batches_by_length(std::span<const std::vector<int32_t>> sequences, const BatchLimits& limits) {
  const auto length = [&](int32_t i) { return std::ssize(sequences[static_cast<size_t>(i)]); };
  std::vector<int32_t> order;
  for (int32_t i = 0; i < std::ssize(sequences); ++i) {
    if (length(i) > 0) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return length(a) > length(b); });
  std::vector<std::vector<int32_t>> batches;
  int64_t tokens = 0;
  for (const int32_t i : order) {
    const int64_t mine = length(i) * limits.copies;
    if (batches.empty() || tokens + mine > limits.tokens || std::ssize(batches.back()) == limits.sequences) {
      batches.emplace_back();
      tokens = 0;
    }
    batches.back().push_back(i);
    tokens += mine;
  }
  return batches;
}

}  // namespace qkv
