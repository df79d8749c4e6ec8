// The keys and values of attention's forward on bf16 tiles, packed once for all queries of a sequence and key/value head.
#pragma once

#include <cmath>

#include "kernels/cpu/attention/attention_bf16-inl.h"

namespace qkv::cpu {

// Keys per chunk: outputs are loaded and stored once for all of them. 96 is 3 to 5 % slower.
inline constexpr int64_t kForwardKeys = 256;

// The keys and values that are visible to the queries of one sequence and key/value head, in whole chunks.
struct PackedKeys {
  int64_t segment;
  int key_head;
  int64_t first_chunk = 0, chunks = 0;  // chunk i starts at key (first_chunk + i) * kForwardKeys
  int64_t rows = 0, depth = 0;          // blocks of queries per head; head size in whole tiles
  int64_t step = kForwardKeys;          // capacity of a chunk in keys; smaller if there is only one chunk
  int64_t parts = 0;                    // number of parts of kPartKeys keys
  bf16* keys = nullptr;                 // [chunk][step][depth]
  bf16* values_t = nullptr;             // [chunk][depth][step]
  float* norms = nullptr;               // [chunk] upper bound of the keys' norms

  PackedKeys(const AttentionParams& p, int64_t of_segment, int head) : segment(of_segment), key_head(head) {
    const HeadOfSequence s(p, segment, head * (p.num_heads / p.num_key_value_heads));
    const KeyRange all = s.queries > 0 ? s.visible(p, 0, s.queries, {0, s.keys}) : KeyRange{0, 0};
    rows = (s.queries + kBlockQueries - 1) / kBlockQueries;
    depth = round_up(s.size, 32);
    if (all.size() == 0) return;
    first_chunk = all.begin / kForwardKeys;
    chunks = (all.end + kForwardKeys - 1) / kForwardKeys - first_chunk;
    parts = round_up(all.end - first_chunk * kForwardKeys, kStripKeys) / kPartKeys;
    if (chunks == 1) step = keys_to_pack(s, first_chunk * kForwardKeys, kForwardKeys);
  }
  int64_t bytes() const { return chunks * (step * depth * 4 + 4) + 192; }
  void place(void* memory) {
    Arena arena(memory);
    keys = arena.take<bf16>(chunks * step * depth);
    values_t = arena.take<bf16>(chunks * step * depth);
    norms = arena.take<float>(chunks);
  }
  float largest_norm() const {
    float largest = 0;
    for (int64_t i = 0; i < chunks; ++i) largest = norms[i] <= largest || std::isnan(largest) ? largest : norms[i];
    return largest;
  }
};

}  // namespace qkv::cpu

QKV_BF16_BEGIN
namespace qkv::cpu {

// The larger of two sums of squares; NaN wins. Without the sign, the bits of numbers, infinity and NaN are ordered.
inline __m512 larger(__m512 a, __m512 b) {
  const __m512i x = _mm512_castps_si512(_mm512_abs_ps(a)), y = _mm512_castps_si512(_mm512_abs_ps(b));
  return _mm512_castsi512_ps(_mm512_max_epu32(x, y));
}

inline void pack_chunk(const AttentionParams& p, const PackedKeys& packed, int64_t index) {
  const HeadOfSequence s(p, packed.segment, packed.key_head * (p.num_heads / p.num_key_value_heads));
  const int64_t first = (packed.first_chunk + index) * kForwardKeys, count = keys_to_pack(s, first, kForwardKeys);
  const bf16* pointers[kForwardKeys];
  HeadPointers::keys(p, p.k, packed.segment, s, first, count, pointers);
  bf16* keys = packed.keys + index * packed.step * packed.depth;
  // Each lane keeps its largest partial sum of squares; the sum over lanes is an upper bound of every key's sum.
  __m512 largest = _mm512_setzero_ps();
  for (int64_t j = 0; j < count; ++j) {
    __m512 squares = _mm512_setzero_ps();
    for (int64_t c = 0; c < s.size; c += 32) {
      const __m512i x = load_32(pointers[j], c, s.size);
      squares = _mm512_dpbf16_ps(squares, (__m512bh)x, (__m512bh)x);
      _mm512_storeu_si512(keys + j * packed.depth + c, x);
    }
    largest = larger(largest, squares);
  }
  packed.norms[index] = std::sqrt(_mm512_reduce_add_ps(largest));
  HeadPointers::keys(p, p.v, packed.segment, s, first, count, pointers);
  bf16* values_t = packed.values_t + index * packed.step * packed.depth;
  for (int64_t j = 0; j < count; j += 32) transpose_rows(pointers + j, s.size, values_t + j, packed.step);
}

}  // namespace qkv::cpu
QKV_BF16_END
