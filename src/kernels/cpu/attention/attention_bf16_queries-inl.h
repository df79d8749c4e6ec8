// The queries of attention's backward on bf16 tiles, packed once for all chunks of keys, and their gradients.
#pragma once

#include "kernels/cpu/attention/attention_bf16-inl.h"

namespace qkv::cpu {

// The queries of one sequence and key/value head, packed for all chunks of keys: a block for each kBlockQueries of each query head, head
// after head.
struct QueryBlocks {
  struct alignas(64) Statistics {
    SavedRows saved;
    float D[kBlockQueries];  // row sums of dO * O
  };
  int64_t rows, count;               // blocks per head, and of all heads
  int64_t depth, width;              // head size in whole tiles of 32 and of 16
  uint32_t *q_along, *dout_along;    // [block][depth / 2][kBlockQueries] pairs along a query's values
  uint32_t *q_across, *dout_across;  // [block][kBlockQueries / 2][depth] queries i and 16 + i, values in the order of unpacked_place
  Statistics* statistics;            // [block]
  float* dq;                         // [block][width][kBlockQueries] sums, queries in the order of query_place

  QueryBlocks(const HeadOfSequence& s) : rows((s.queries + kBlockQueries - 1) / kBlockQueries), count(s.group * rows) {
    depth = round_up(s.size, 32);
    width = round_up(s.size, 16);
  }
  int64_t bytes() const { return count * (4 * depth * 64 + static_cast<int64_t>(sizeof(Statistics)) + width * 128) + 512; }
  void place(void* memory) {
    Arena arena(memory);
    q_along = arena.take<uint32_t>(count * depth * 16);
    dout_along = arena.take<uint32_t>(count * depth * 16);
    q_across = arena.take<uint32_t>(count * depth * 16);
    dout_across = arena.take<uint32_t>(count * depth * 16);
    statistics = arena.take<Statistics>(count);
    dq = arena.take<float>(count * width * kBlockQueries);
  }
};

// Rows of weights and gradients interleave queries i and 16 + i. Returns the query of the n-th value after unpacking the pairs.
constexpr int64_t query_place(int64_t n) { return n % 16 / 4 * 4 + n / 16 * 2 + n % 4 / 2 + n % 2 * 16; }

// The work for one sequence and key/value head.
struct Unit {
  int64_t segment;
  int key_head;
  int64_t chunk_keys, chunks;  // keys per chunk; number of chunks
  QueryBlocks blocks;
  float* bias_sums = nullptr;  // [chunk][heads of the group][columns]; null: not wanted
};

}  // namespace qkv::cpu

QKV_BF16_BEGIN
namespace qkv::cpu {

inline float sum_of_products(const bf16* x, const bf16* y, const bf16* rest, int64_t size) {
  __m512 sum = _mm512_setzero_ps();
  for (int64_t c = 0; c < size; c += 32) {
    const auto left = (__m512bh)load_32(x, c, size);
    sum = _mm512_dpbf16_ps(sum, left, (__m512bh)load_32(y, c, size));
    if (rest) sum = _mm512_dpbf16_ps(sum, left, (__m512bh)load_32(rest, c, size));
  }
  return _mm512_reduce_add_ps(sum);
}

// The head of block `index`, its first query, and the number of queries.
struct PlaceOfBlock {
  HeadOfSequence head;
  int64_t first, count;
};
inline PlaceOfBlock place_of_block(const AttentionParams& p, const Unit& unit, int64_t index) {
  const int64_t rows = unit.blocks.rows, first = index % rows * kBlockQueries;
  const auto head = static_cast<int>(unit.key_head * (p.num_heads / p.num_key_value_heads) + index / rows);
  const HeadOfSequence s(p, unit.segment, head);
  return {s, first, std::min(kBlockQueries, s.queries - first)};
}

// Packs block `index` of a unit: q, dO, O and the saved statistics.
inline void pack_queries(const AttentionBackwardParams& b, const Unit& unit, int64_t index) {
  const AttentionParams& p = b.forward;
  const QueryBlocks& blocks = unit.blocks;
  const auto [s, first, count] = place_of_block(p, unit, index);
  const bf16 *q[kBlockQueries], *dout[kBlockQueries], *out[kBlockQueries], *rest[kBlockQueries] = {};
  HeadPointers::queries(p.q, s, first, s.queries, kBlockQueries, q);
  HeadPointers::queries(b.dout, s, first, s.queries, kBlockQueries, dout);
  HeadPointers::queries(p.out, s, first, s.queries, kBlockQueries, out);
  if (p.out_rest) HeadPointers::queries(p.out_rest, s, first, s.queries, kBlockQueries, rest);
  const int64_t at = index * blocks.depth * 16;
  for (int64_t half = 0; half < 2; ++half) {
    pairs_along_rows(q + 16 * half, s.size, blocks.q_along + at + 16 * half, kBlockQueries);
    pairs_along_rows(dout + 16 * half, s.size, blocks.dout_along + at + 16 * half, kBlockQueries);
  }
  pairs_of_rows(q, s.size, blocks.q_across + at, blocks.depth);
  pairs_of_rows(dout, s.size, blocks.dout_across + at, blocks.depth);
  if (s.visible(p, first, first + count, {0, s.keys}).size() == 0)  // otherwise the first chunk of keys writes it
    std::memset(blocks.dq + index * blocks.width * kBlockQueries, 0, static_cast<size_t>(blocks.width * kBlockQueries) * sizeof(float));

  QueryBlocks::Statistics& statistics = blocks.statistics[index];
  read_saved_rows(p, s, first, count, statistics.saved);
  for (int64_t i = 0; i < kBlockQueries; ++i) statistics.D[i] = i < count ? sum_of_products(dout[i], out[i], rest[i], s.size) : 0;
}

// Stores the rows of dQ of a block.
inline void store_query_gradients(const AttentionBackwardParams& b, const Unit& unit, int64_t index) {
  const AttentionParams& p = b.forward;
  const QueryBlocks& blocks = unit.blocks;
  const auto [s, first, count] = place_of_block(p, unit, index);
  const __m512 scale = _mm512_set1_ps(p.scale);
  for (int64_t column = 0; column < s.size; column += 32) {
    const int64_t rows = std::min<int64_t>(32, blocks.width - column);
    const __mmask32 inside = first_32(s.size - column);
    for (int64_t half = 0; half < 2; ++half) {
      const float* from = blocks.dq + (index * blocks.width + column) * kBlockQueries + 16 * half;
      __m512i pairs[16];
      for (int64_t i = 0; i < 16; ++i) {
        const TwoRows x(from, i, rows, scale);
        pairs[i] = rounded_pairs(x.first, x.second);
      }
      transpose_16(pairs);
      for (int64_t i = 0; i < 16; ++i) {
        const int64_t query = query_place(16 * half + i);
        if (query < count)
          _mm512_mask_storeu_epi16(b.dq.row<bf16>(s.query_row + first + query) + s.query_column + column, inside, pairs[i]);
      }
    }
  }
}

}  // namespace qkv::cpu
QKV_BF16_END
