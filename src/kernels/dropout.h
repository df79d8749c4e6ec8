// The dropout mask in plain code: the elements of a site that are kept (kernels/view.h, DropoutParams).
#pragma once

#include <cmath>

#include "base/philox.h"
#include "kernels/view.h"

namespace qkv {

// An element is dropped if its 16 random bits are below this; probability 1/3 becomes 21845/65536.
inline uint32_t dropout_threshold(float probability) { return static_cast<uint32_t>(std::lround(probability * 65536.0)); }

// The factor of kept elements: the inverse of the kept share according to the threshold.
inline double dropout_scale(float probability) { return 65536.0 / (65536.0 - dropout_threshold(probability)); }

// 8 numbers of 16 bits for elements 8 * block to 8 * block + 7, in the order low half, high half of each word.
inline std::array<uint32_t, 4> dropout_bits(const DropoutParams& dropout, uint64_t block) {
  return philox({static_cast<uint32_t>(dropout.seed), static_cast<uint32_t>(dropout.seed >> 32)},
                {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), dropout.site, dropout.step});
}

// 0 or dropout_scale.
inline double dropout_factor(const DropoutParams& dropout, uint64_t element) {
  if (dropout.probability <= 0) return 1;
  const uint32_t word = dropout_bits(dropout, element / 8)[element % 8 / 2];
  const uint32_t bits = element % 2 == 0 ? word & 0xffff : word >> 16;
  return bits < dropout_threshold(dropout.probability) ? 0 : dropout_scale(dropout.probability);
}

// The element number of an attention weight. Rows of 2^35 keys make the mask depend on the query row and head alone.
inline uint64_t attention_element(int64_t query_row, int num_heads, int head, int64_t key) {
  return (static_cast<uint64_t>(query_row * num_heads + head) << 35) + static_cast<uint64_t>(key);
}

}  // namespace qkv
