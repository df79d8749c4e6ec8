// Operand layouts of bf16 products (Intel SDM, TDPBF16PS): sums[16][16] += a[16][32] b[32][16] on tiles of 1 KiB. A tile of a is 16 rows of
// 32 values, as in memory. A tile of b is 16 rows of pairs: row i holds b(2 i, n) and b(2 i + 1, n) side by side for each column n.
// VDPBF16PS reads the same layout.
//
// Included by a file that defines QKV_TARGET_NAMESPACE and provides the instructions in it: bf16_matmul.cc or the twins' test.
#pragma once

#include <algorithm>
#include <cstring>

#include "kernels/bf16.h"
#include "kernels/view.h"

QKV_TARGET_BEGIN
namespace qkv::cpu::QKV_TARGET_NAMESPACE {

inline constexpr int64_t kTileBytes = 1024;
inline constexpr int64_t kStep = 32;   // depth of a tile
inline constexpr int64_t kPanel = 32;  // columns of b that are packed together: two tiles

constexpr int64_t round_up_to_tiles(int64_t x) { return (x + kPanel - 1) / kPanel * kPanel; }

// The first n bits of a mask of m.
inline __mmask16 first16(int64_t n) { return static_cast<__mmask16>(n >= 16 ? 0xffff : n <= 0 ? 0 : (1u << n) - 1); }
inline __mmask32 first32(int64_t n) { return n >= 32 ? 0xffffffffu : n <= 0 ? 0 : (1u << n) - 1; }

// 32 values of a row as bf16; zero past the first n.
inline __m512i load32(const bf16* from, int64_t n) { return _mm512_maskz_loadu_epi16(first32(n), from); }
inline __m512i load32(const float* from, int64_t n) {
  const __m512 low = _mm512_maskz_loadu_ps(first16(n), from), high = _mm512_maskz_loadu_ps(first16(n - 16), from + 16);
  return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

// Vector i of four holds, in lane l, row 4 l + i of 16, so that transposing 4 x 4 values in each lane yields whole rows of 16. Loads
// assemble the lanes, which spares the shuffle port half of the work of an in-register transposition.
inline __m512i lanes(const char* from, int64_t step) {
  __m512i x = _mm512_castsi128_si512(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  x = _mm512_mask_broadcast_i32x4(x, 0x00f0, _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 4 * step)));
  x = _mm512_mask_broadcast_i32x4(x, 0x0f00, _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 8 * step)));
  return _mm512_mask_broadcast_i32x4(x, 0xf000, _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 12 * step)));
}

// Transposes 4 x 4 values of 32 bits in each lane and writes them as four rows of a tile.
inline void transpose_lanes(__m512i r0, __m512i r1, __m512i r2, __m512i r3, char* to) {
  const __m512i low01 = _mm512_unpacklo_epi32(r0, r1), high01 = _mm512_unpackhi_epi32(r0, r1);
  const __m512i low23 = _mm512_unpacklo_epi32(r2, r3), high23 = _mm512_unpackhi_epi32(r2, r3);
  _mm512_storeu_si512(to, _mm512_unpacklo_epi64(low01, low23));
  _mm512_storeu_si512(to + 64, _mm512_unpackhi_epi64(low01, low23));
  _mm512_storeu_si512(to + 128, _mm512_unpacklo_epi64(high01, high23));
  _mm512_storeu_si512(to + 192, _mm512_unpackhi_epi64(high01, high23));
}

// Transposes 16 rows of 16 values of 32 bits.
inline void transpose_tile(const char* from, int64_t step, char* to) {
  for (int64_t chunk = 0; chunk < 4; ++chunk) {
    const char* column = from + 16 * chunk;
    transpose_lanes(lanes(column, step), lanes(column + step, step), lanes(column + 2 * step, step), lanes(column + 3 * step, step),
                    to + 256 * chunk);
  }
}

// Packs op(b) = b^T: the panel's columns are rows of b, and neighbours in a row form the pairs.
template <typename T>
void pack_columns_of_rows(const View& b, int64_t first, int64_t begin, int64_t depth, char* to) {
  alignas(64) char rows[16 * 64];
  for (int64_t k = begin; k < begin + depth; k += kStep) {
    for (int64_t half = 0; half < 2; ++half, to += kTileBytes) {
      for (int64_t i = 0; i < 16; ++i) {
        const int64_t row = first + 16 * half + i;
        const __m512i values = row < b.rows ? load32(b.row<const T>(row) + k, b.cols - k) : _mm512_setzero_si512();
        _mm512_store_si512(rows + 64 * i, values);
      }
      transpose_tile(rows, 64, to);
    }
  }
}

// Two rows of 32 values interleaved: pairs of the first 16 columns, and pairs of the others.
struct Pairs {
  __m512i low, high;
};
inline Pairs interleave(__m512i even, __m512i odd) {
  alignas(64) static constexpr uint16_t kLow[32] = {0, 32, 1, 33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39,
                                                    8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
  const __m512i low = _mm512_load_si512(kLow), high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
  return {_mm512_permutex2var_epi16(even, low, odd), _mm512_permutex2var_epi16(even, high, odd)};
}

template <typename T>
void pack_rows(const View& b, int64_t first, int64_t begin, int64_t depth, char* to) {
  const int64_t columns = b.cols - first;
  for (int64_t k = begin; k < begin + depth; k += kStep, to += 2 * kTileBytes) {
    for (int64_t i = 0; i < 16; ++i) {
      const int64_t row = k + 2 * i;
      const __m512i even = row < b.rows ? load32(b.row<const T>(row) + first, columns) : _mm512_setzero_si512();
      const __m512i odd = row + 1 < b.rows ? load32(b.row<const T>(row + 1) + first, columns) : _mm512_setzero_si512();
      const Pairs pairs = interleave(even, odd);
      _mm512_storeu_si512(to + 64 * i, pairs.low);
      _mm512_storeu_si512(to + kTileBytes + 64 * i, pairs.high);
    }
  }
}

template <typename T>
void pack_panel_of(const View& b, bool transpose_b, int64_t first, int64_t begin, int64_t depth, char* to) {
  if (transpose_b) return pack_columns_of_rows<T>(b, first, begin, depth, to);
  pack_rows<T>(b, first, begin, depth, to);
}

// Turns 32 rows of 16 columns into a tile of 16 rows: interleaves pairs of rows, then transposes the lanes.
inline void transpose_pairs(const char* from, int64_t step, char* to) {
  for (int64_t chunk = 0; chunk < 2; ++chunk, from += 16) {  // 8 columns
    __m512i low[4], high[4];
    for (int64_t i = 0; i < 4; ++i) {
      const __m512i even = lanes(from + 2 * i * step, 2 * step), odd = lanes(from + (2 * i + 1) * step, 2 * step);
      low[i] = _mm512_unpacklo_epi16(even, odd);
      high[i] = _mm512_unpackhi_epi16(even, odd);
    }
    transpose_lanes(low[0], low[1], low[2], low[3], to + 512 * chunk);
    transpose_lanes(high[0], high[1], high[2], high[3], to + 512 * chunk + 256);
  }
}

inline __m512 widen(__m256i values) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(values), 16)); }

// Packs columns [first, first + 32) of op(b), steps [begin, begin + depth) of its depth, as [depth / 32][2 tiles], zero past b's end.
inline void pack_panel(const View& b, bool transpose_b, int64_t first, int64_t begin, int64_t depth, void* packed) {
  char* to = static_cast<char*>(packed);
  if (b.dtype == DType::f32) return pack_panel_of<float>(b, transpose_b, first, begin, depth, to);
  pack_panel_of<bf16>(b, transpose_b, first, begin, depth, to);
}

// Packs bf16 a^T as the left factor: columns [first, first + 32) of a as rows, rows [begin, begin + 32) as depth, in two tiles, zero past
// a's end. column_sums: null, or 32 sums to which the columns' values are added.
inline void pack_transposed_rows(const View& a, int64_t first, int64_t begin, void* packed, float* column_sums) {
  char* to = static_cast<char*>(packed);
  alignas(64) char rows[kStep * 64];
  const char* from = reinterpret_cast<const char*>(a.row<const bf16>(begin) + first);
  int64_t step = a.stride * 2;
  if (begin + kStep > a.rows || first + 32 > a.cols) {
    for (int64_t i = 0; i < kStep; ++i) {
      const int64_t row = begin + i;
      _mm512_store_si512(rows + 64 * i, row < a.rows ? load32(a.row<const bf16>(row) + first, a.cols - first) : _mm512_setzero_si512());
    }
    from = rows;
    step = 64;
  }
  transpose_pairs(from, step, to);
  transpose_pairs(from + 32, step, to + kTileBytes);
  if (!column_sums) return;
  __m512 low_sum = _mm512_loadu_ps(column_sums), high_sum = _mm512_loadu_ps(column_sums + 16);
  for (int64_t i = 0; i < kStep; ++i) {
    const __m512i row = _mm512_loadu_si512(from + i * step);
    low_sum = _mm512_add_ps(low_sum, widen(_mm512_castsi512_si256(row)));
    high_sum = _mm512_add_ps(high_sum, widen(_mm512_extracti64x4_epi64(row, 1)));
  }
  _mm512_storeu_ps(column_sums, low_sum);
  _mm512_storeu_ps(column_sums + 16, high_sum);
}

}  // namespace qkv::cpu::QKV_TARGET_NAMESPACE
QKV_TARGET_END
