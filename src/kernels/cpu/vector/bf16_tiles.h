// Products of bf16 tiles with f32 sums, on AMX or AVX-512 bf16 instructions, and the layouts of their operands:
//   a: plain rows, [rows][depth], depth in whole tiles of 32;
//   b: interleaved pairs of depth, [depth / 2][columns][2]: both instruction sets multiply such a pair by a pair of a's row;
//   c: [rows][columns] of f32.
// Rows, columns and depth are zero-padded to whole tiles of 16, 16 and 32.
//
// Bound by TDPBF16PS, 16 cycles for 16 x 16 sums of 32 products; blocks of 2 x 2 tiles load four operands for four of them, at 8 cycles
// each.
#pragma once

#include <cstdint>

#include "kernels/bf16.h"
#include "kernels/cpu/vector/bf16_target.h"
#include "kernels/cpu/vector/tile_registers.h"

namespace qkv::cpu {

constexpr int64_t round_up(int64_t x, int64_t multiple) { return (x + multiple - 1) / multiple * multiple; }

// c (+)= a b in whole tiles.
struct TileProduct {
  const void* a;
  int64_t a_step;  // bytes from row to row
  const void* b;
  int64_t b_step;  // bytes from pair to pair
  float* c;
  int64_t c_step;                // floats from row to row
  int64_t rows, columns, depth;  // in tiles
  bool accumulate;
};

}  // namespace qkv::cpu

QKV_BF16_BEGIN
namespace qkv::cpu {

// The caller must hold TileRegisters.
class AmxTiles {
 public:
  // GCC 12's intrinsics do not tell the compiler that a tile load reads memory; these do.
#define QKV_TILE_LOAD(tile, from, step) asm volatile("tileloadd (%0,%1,1), %%tmm" #tile ::"r"(from), "r"(step) : "memory")
#define QKV_TILE_STORE(tile, to, step) asm volatile("tilestored %%tmm" #tile ", (%0,%1,1)" ::"r"(to), "r"(step) : "memory")
#define QKV_TILE_ZERO(tile) asm volatile("tilezero %%tmm" #tile ::)
#define QKV_TILE_MULTIPLY(sum, a, b) asm volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #sum ::)

  // R x C tiles of sums.
  template <int R, int C>
  static inline __attribute__((always_inline)) void block(const char* a, int64_t a_step, const char* b, int64_t b_step, float* c,
                                                          int64_t c_step, int64_t depth, bool accumulate) {
    const int64_t step = 4 * c_step;
    float* const below = c + 16 * c_step;
    if (accumulate) {
      QKV_TILE_LOAD(0, c, step);
      if constexpr (C == 2) QKV_TILE_LOAD(1, c + 16, step);
      if constexpr (R == 2) QKV_TILE_LOAD(2, below, step);
      if constexpr (R == 2 && C == 2) QKV_TILE_LOAD(3, below + 16, step);
    } else {
      QKV_TILE_ZERO(0);
      if constexpr (C == 2) QKV_TILE_ZERO(1);
      if constexpr (R == 2) QKV_TILE_ZERO(2);
      if constexpr (R == 2 && C == 2) QKV_TILE_ZERO(3);
    }
    for (int64_t k = 0; k < depth; ++k) {
      QKV_TILE_LOAD(6, b, b_step);
      QKV_TILE_LOAD(4, a, a_step);
      QKV_TILE_MULTIPLY(0, 4, 6);
      if constexpr (C == 2) {
        QKV_TILE_LOAD(7, b + 64, b_step);
        QKV_TILE_MULTIPLY(1, 4, 7);
      }
      if constexpr (R == 2) {
        QKV_TILE_LOAD(5, a + 16 * a_step, a_step);
        QKV_TILE_MULTIPLY(2, 5, 6);
      }
      if constexpr (R == 2 && C == 2) QKV_TILE_MULTIPLY(3, 5, 7);
      a += 64;
      b += 16 * b_step;
    }
    QKV_TILE_STORE(0, c, step);
    if constexpr (C == 2) QKV_TILE_STORE(1, c + 16, step);
    if constexpr (R == 2) QKV_TILE_STORE(2, below, step);
    if constexpr (R == 2 && C == 2) QKV_TILE_STORE(3, below + 16, step);
  }

  // Two tiles of columns with a depth of at most two tiles: all of b stays in registers for all rows, 2 loads for 4 products.
  static constexpr bool holds(int64_t columns, int64_t depth) { return columns == 2 && depth <= 2; }
  static inline void rows_past_columns(const TileProduct& p) {
    const char *a = static_cast<const char*>(p.a), *b = static_cast<const char*>(p.b);
    const int64_t step = 4 * p.c_step;
    float* c = p.c;
    QKV_TILE_LOAD(4, b, p.b_step);
    QKV_TILE_LOAD(5, b + 64, p.b_step);
    if (p.depth == 2) {
      QKV_TILE_LOAD(6, b + 16 * p.b_step, p.b_step);
      QKV_TILE_LOAD(7, b + 16 * p.b_step + 64, p.b_step);
    }
    for (int64_t row = 0; row < p.rows; ++row) {
      QKV_TILE_ZERO(0);
      QKV_TILE_ZERO(1);
      QKV_TILE_LOAD(2, a, p.a_step);
      QKV_TILE_MULTIPLY(0, 2, 4);
      QKV_TILE_MULTIPLY(1, 2, 5);
      if (p.depth == 2) {
        QKV_TILE_LOAD(3, a + 64, p.a_step);
        QKV_TILE_MULTIPLY(0, 3, 6);
        QKV_TILE_MULTIPLY(1, 3, 7);
      }
      QKV_TILE_STORE(0, c, step);
      QKV_TILE_STORE(1, c + 16, step);
      a += 16 * p.a_step;
      c += 16 * p.c_step;
    }
  }
};

// As AmxTiles, on vectors of 16 sums: 16 rows of them stay in registers.
class Avx512Tiles {
 public:
  static constexpr bool holds(int64_t, int64_t) { return false; }
  static void rows_past_columns(const TileProduct&) {}
  template <int R, int C>
  static void block(const char* a, int64_t a_step, const char* b, int64_t b_step, float* c, int64_t c_step, int64_t depth,
                    bool accumulate) {
    for (int row = 0; row < R; ++row) {
      for (int column = 0; column < C; ++column)
        tile(a + 16 * row * a_step, a_step, b + 64 * column, b_step, c + 16 * (row * c_step + column), c_step, depth, accumulate);
    }
  }

 private:
  static void tile(const char* a, int64_t a_step, const char* b, int64_t b_step, float* c, int64_t c_step, int64_t depth, bool accumulate) {
    __m512 sums[16];
    for (int r = 0; r < 16; ++r) sums[r] = accumulate ? _mm512_loadu_ps(c + r * c_step) : _mm512_setzero_ps();
    for (int64_t pair = 0; pair < 16 * depth; ++pair) {
      const __m512bh right = (__m512bh)_mm512_loadu_si512(b + pair * b_step);
      for (int r = 0; r < 16; ++r) {
        const __m512i left = _mm512_set1_epi32(*reinterpret_cast<const int*>(a + r * a_step + 4 * pair));
        sums[r] = _mm512_dpbf16_ps(sums[r], (__m512bh)left, right);
      }
    }
    for (int r = 0; r < 16; ++r) _mm512_storeu_ps(c + r * c_step, sums[r]);
  }
};

template <typename Tiles>
inline void multiply(const TileProduct& p) {
  if (!p.accumulate && Tiles::holds(p.columns, p.depth)) return Tiles::rows_past_columns(p);
  const char *a_start = static_cast<const char*>(p.a), *b_start = static_cast<const char*>(p.b);
  for (int64_t row = 0; row < p.rows; row += 2) {
    const char* a = a_start + 16 * row * p.a_step;
    for (int64_t column = 0; column < p.columns; column += 2) {
      const char* b = b_start + 64 * column;
      float* c = p.c + 16 * (row * p.c_step + column);
      const bool two_rows = row + 1 < p.rows, two_columns = column + 1 < p.columns;
      if (two_rows && two_columns) {
        Tiles::template block<2, 2>(a, p.a_step, b, p.b_step, c, p.c_step, p.depth, p.accumulate);
      } else if (two_rows) {
        Tiles::template block<2, 1>(a, p.a_step, b, p.b_step, c, p.c_step, p.depth, p.accumulate);
      } else if (two_columns) {
        Tiles::template block<1, 2>(a, p.a_step, b, p.b_step, c, p.c_step, p.depth, p.accumulate);
      } else {
        Tiles::template block<1, 1>(a, p.a_step, b, p.b_step, c, p.c_step, p.depth, p.accumulate);
      }
    }
  }
}

// Transposes 16 x 16 values of 32 bits.
inline __attribute__((always_inline)) void transpose_16(__m512i* r) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {  // r[i + j]: column j of each quarter of rows i to i + 3
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int j = 0; j < 4; ++j) {
    t[j] = _mm512_shuffle_i32x4(r[j], r[4 + j], 0x88);
    t[4 + j] = _mm512_shuffle_i32x4(r[j], r[4 + j], 0xdd);
    t[8 + j] = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0x88);
    t[12 + j] = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0xdd);
  }
  for (int j = 0; j < 4; ++j) {
    r[j] = _mm512_shuffle_i32x4(t[j], t[8 + j], 0x88);
    r[8 + j] = _mm512_shuffle_i32x4(t[j], t[8 + j], 0xdd);
    r[4 + j] = _mm512_shuffle_i32x4(t[4 + j], t[12 + j], 0x88);
    r[12 + j] = _mm512_shuffle_i32x4(t[4 + j], t[12 + j], 0xdd);
  }
}

// A mask of the first `left` of 32 values.
inline __mmask32 first_32(int64_t left) { return left >= 32 ? 0xffffffff : (uint32_t{1} << left) - 1; }

// Values [column, column + 32) of a row of `size`, zero past its end; a null row is zero.
inline __m512i load_32(const bf16* row, int64_t column, int64_t size) {
  if (!row) return _mm512_setzero_si512();
  if (column + 32 <= size) return _mm512_loadu_si512(row + column);
  return _mm512_maskz_loadu_epi16(first_32(size - column), row + column);
}

// Copies a row, zero-padded to whole tiles of 32.
inline void copy_row(const bf16* row, int64_t size, bf16* to) {
  for (int64_t c = 0; c < size; c += 32) _mm512_storeu_si512(to + c, load_32(row, c, size));
}

// Packs layout b with depth along the rows' values: to[pair][row], 16 rows, `step` dwords from pair to pair.
inline void pairs_along_rows(const bf16* const* rows, int64_t size, uint32_t* to, int64_t step) {
  for (int64_t c = 0; c < size; c += 32) {
    __m512i block[16];
    for (int r = 0; r < 16; ++r) block[r] = load_32(rows[r], c, size);
    transpose_16(block);
    for (int pair = 0; pair < 16; ++pair) _mm512_storeu_si512(to + (c / 2 + pair) * step, block[pair]);
  }
}

// Packs the transpose in layout a: to[value][row], 32 rows, `step` values from row to row of `to`; values in whole tiles of 32.
inline void transpose_rows(const bf16* const* rows, int64_t size, bf16* to, int64_t step) {
  for (int64_t c = 0; c < size; c += 32) {
    __m512i pairs[16];  // pairs of rows: values 8 q + 0 to 3 of each quarter q, then values 8 q + 4 to 7
    for (int i = 0; i < 16; ++i) pairs[i] = _mm512_unpacklo_epi16(load_32(rows[2 * i], c, size), load_32(rows[2 * i + 1], c, size));
    transpose_16(pairs);
    for (int i = 0; i < 16; ++i) _mm512_storeu_si512(to + (c + i / 4 * 8 + i % 4) * step, pairs[i]);
    for (int i = 0; i < 16; ++i) pairs[i] = _mm512_unpackhi_epi16(load_32(rows[2 * i], c, size), load_32(rows[2 * i + 1], c, size));
    transpose_16(pairs);
    for (int i = 0; i < 16; ++i) _mm512_storeu_si512(to + (c + i / 4 * 8 + i % 4 + 4) * step, pairs[i]);
  }
}

// Unpacking words permutes 32 numbers: the 4 i + j-th of the first 16 moves to place 8 i + j, that of the last 16 to 8 i + 4 + j.
constexpr int64_t unpacked_place(int64_t n) { return n / 4 % 4 * 8 + n / 16 * 4 + n % 4; }

// Packs layout b with depth along the rows: to[pair][value], where rows i and 16 + i form a pair; values in whole tiles of 32, each in the
// order of unpacked_place.
inline void pairs_of_rows(const bf16* const* rows, int64_t size, uint32_t* to, int64_t step) {
  for (int64_t pair = 0; pair < 16; ++pair) {
    for (int64_t c = 0; c < size; c += 32) {
      const __m512i x = load_32(rows[pair], c, size), y = load_32(rows[16 + pair], c, size);
      _mm512_storeu_si512(to + pair * step + c, _mm512_unpacklo_epi16(x, y));
      _mm512_storeu_si512(to + pair * step + c + 16, _mm512_unpackhi_epi16(x, y));
    }
  }
}

// Restores the natural order of 32 numbers from the order of unpacked_place.
inline void restore_order(__m512& low, __m512& high) {
  const __m512i first = _mm512_set_epi32(23, 22, 21, 20, 7, 6, 5, 4, 19, 18, 17, 16, 3, 2, 1, 0);
  const __m512 x = low;
  low = _mm512_permutex2var_ps(x, first, high);
  high = _mm512_permutex2var_ps(x, _mm512_add_epi32(first, _mm512_set1_epi32(8)), high);
}

}  // namespace qkv::cpu
QKV_BF16_END
