// The two units that multiply blocks of bf16: AMX tiles and AVX-512 dot products. A block is 32 packed columns of b (bf16_pack-inl.h) times
// up to 32 rows of a. Included by a file that defines QKV_TARGET_NAMESPACE.
#pragma once

#include "kernels/cpu/matmul/bf16_finish-inl.h"
#include "kernels/cpu/matmul/bf16_pack-inl.h"
#include "kernels/cpu/matmul/blocks.h"

QKV_TARGET_BEGIN
namespace qkv::cpu::QKV_TARGET_NAMESPACE {

// Common to both units (blocked_product-inl.h).
struct Bf16Unit {
  using Value = bf16;
  static constexpr int64_t kRows = 32, kColumns = kPanel, kStep = qkv::cpu::QKV_TARGET_NAMESPACE::kStep;
  static constexpr int64_t kTransposedStep = 2 * kStep, kTransposedNext = 2 * kTileBytes;
  static constexpr bool kGelu = true;
  template <typename T, Epilogue kForm>
  using Finish = QKV_TARGET_NAMESPACE::Finish<T, kForm>;

  static void pack_panel(const View& b, bool transpose_b, int64_t first, int64_t begin, int64_t depth, char* to) {
    QKV_TARGET_NAMESPACE::pack_panel(b, transpose_b, first, begin, depth, to);
  }
  static void convert(const bf16*, int64_t, bf16*) {}  // rows already have this type
  // depth: at most 32
  static void pack_transposed_rows(const View& a, int64_t first, int64_t begin, int64_t, char* to, float* column_sums) {
    QKV_TARGET_NAMESPACE::pack_transposed_rows(a, first, begin, to, column_sums);
  }
};

// Tile registers 0 to 3 hold the sums (0, 1: the upper rows), 4 and 5 rows of a, 6 and 7 columns of b: each step loads four tiles for four
// products. Where b passes through L1, it is loaded as data that is read once (1,190 -> 1,670 GFLOP/s at depth 384).
struct TileUnit : Bf16Unit {
  static constexpr int64_t kWholeDepth = 1536, kDepth = 384;  // a piece of a slab stays in L2
  static constexpr int64_t kTile = kRows;
  static constexpr bool kWholeBlocks = true;  // reads 16 or 32 rows
  static constexpr bool kBeside = true;       // the vector units are free meanwhile

  // Calls between() at each step, for work on the other units.
  template <typename Between>
  static inline void multiply(int64_t rows, const Block& block, Between&& between) {
    if (rows > 16) return block.b_passes ? multiply<true, true>(block, between) : multiply<true, false>(block, between);
    block.b_passes ? multiply<false, true>(block, between) : multiply<false, false>(block, between);
  }

 private:
  template <bool kTwo, bool kPasses, typename Between>
  static inline void multiply(const Block& block, Between&& between) {
    begin_sums<kTwo>(block);
    const char *a = static_cast<const char*>(block.a), *b = static_cast<const char*>(block.b);
    const int64_t lower = 16 * block.a_step;
    for (int64_t s = 0; s < block.steps; ++s, a += block.a_next, b += 2 * kTileBytes) {
      load_b<kPasses, false>(b);
      _tile_loadd(4, a, block.a_step);
      _tile_dpbf16ps(0, 4, 6);
      load_b<kPasses, true>(b + kTileBytes);
      _tile_dpbf16ps(1, 4, 7);
      if constexpr (kTwo) {
        _tile_loadd(5, a + lower, block.a_step);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
      }
      between(1);
    }
    end_sums<kTwo>(block);
  }

  // A tile of b into register 6 or 7; the intrinsics take the number as text.
  template <bool kPasses, bool kRight>
  static inline void load_b(const char* from) {
    if constexpr (kPasses && kRight) _tile_stream_loadd(7, from, 64);
    if constexpr (kPasses && !kRight) _tile_stream_loadd(6, from, 64);
    if constexpr (!kPasses && kRight) _tile_loadd(7, from, 64);
    if constexpr (!kPasses && !kRight) _tile_loadd(6, from, 64);
  }

  template <bool kTwo>
  static inline void begin_sums(const Block& block) {
    if (block.add) {
      const char* upper = reinterpret_cast<const char*>(block.sums);
      const char* lower = upper + 16 * block.sums_step;
      _tile_loadd(0, upper, block.sums_step);
      _tile_loadd(1, upper + 64, block.sums_step);
      if constexpr (kTwo) {
        _tile_loadd(2, lower, block.sums_step);
        _tile_loadd(3, lower + 64, block.sums_step);
      }
      return;
    }
    _tile_zero(0);
    _tile_zero(1);
    if constexpr (kTwo) {
      _tile_zero(2);
      _tile_zero(3);
    }
  }

  template <bool kTwo>
  static inline void end_sums(const Block& block) {
    char* upper = reinterpret_cast<char*>(block.sums);
    char* lower = upper + 16 * block.sums_step;
    _tile_stored(0, upper, block.sums_step);
    _tile_stored(1, upper + 64, block.sums_step);
    if constexpr (kTwo) {
      _tile_stored(2, lower, block.sums_step);
      _tile_stored(3, lower + 64, block.sums_step);
    }
  }
};

// 8 rows of sums of both tiles stay in 16 registers: 2 loads and 8 broadcasts for 16 products. Rows at a distance of a multiple of 4 KiB
// share a set of L1, and 8 of them fit if it has 8 ways (12 rows, which load less: 232 -> 180 GFLOP/s on a Zen 4 core at depth 2048).
struct DotUnit : Bf16Unit {
  static constexpr int64_t kWholeDepth = 4096, kDepth = 2048;
  static constexpr int64_t kTile = 8;  // rows
  static constexpr bool kWholeBlocks = false;
  static constexpr bool kBeside = false;

  template <typename Between>
  static inline void multiply(int64_t rows, const Block& block, Between&& between) {
    for (int64_t row = 0; row < rows; row += 8)
      multiply_rows(rows - row, block, row, EndInSums{reinterpret_cast<char*>(block.sums), block.sums_step});
    between(block.steps);
  }

  template <typename T>
  static inline void multiply_direct(int64_t rows, int64_t panels, const Block& block, const DirectEnd& end) {
    const EndInOutput<T> to(end);
    if (panels == 4) return rows == 1 ? multiply_rows<1, 4>(block, 0, to) : multiply_rows<2, 4>(block, 0, to);
    for (int64_t row = 0; row < rows; row += 8) multiply_rows(rows - row, block, row, to);
  }

 private:
  struct EndInSums {
    char* sums;
    int64_t step;
    inline void operator()(int64_t row, int64_t, __m512 low, __m512 high) const {
      float* to = reinterpret_cast<float*>(sums + row * step);
      _mm512_storeu_ps(to, low);
      _mm512_storeu_ps(to + 16, high);
    }
  };
  template <typename T>
  struct EndInOutput {
    explicit EndInOutput(const DirectEnd& direct) : end(direct) {
      low_bias = end.bias ? _mm512_loadu_ps(end.bias) : _mm512_setzero_ps();
      high_bias = end.bias ? _mm512_loadu_ps(end.bias + 16) : _mm512_setzero_ps();
    }
    inline void operator()(int64_t row, int64_t panel, __m512 low, __m512 high) const {
      const float* bias = end.bias + 32 * panel;
      low = _mm512_add_ps(low, panel && end.bias ? _mm512_loadu_ps(bias) : low_bias);
      high = _mm512_add_ps(high, panel && end.bias ? _mm512_loadu_ps(bias + 16) : high_bias);
      if (end.relu) {
        low = not_below(0, low);
        high = not_below(0, high);
      }
      T* to = reinterpret_cast<T*>(static_cast<char*>(end.out) + row * end.step) + 32 * panel;
      if constexpr (std::is_same_v<T, bf16>) {
        _mm512_storeu_si512(to, (__m512i)_mm512_cvtne2ps_pbh(high, low));
      } else {
        _mm512_storeu_ps(to, low);
        _mm512_storeu_ps(to + 16, high);
      }
    }
    DirectEnd end;
    __m512 low_bias, high_bias;
  };

  template <typename End>
  static inline void multiply_rows(int64_t rows, const Block& block, int64_t first, const End& end) {
    switch (rows) {
      case 1: return multiply_rows<1, 1>(block, first, end);
      case 2: return multiply_rows<2, 1>(block, first, end);
      case 3: return multiply_rows<3, 1>(block, first, end);
      case 4: return multiply_rows<4, 1>(block, first, end);
      case 5: return multiply_rows<5, 1>(block, first, end);
      case 6: return multiply_rows<6, 1>(block, first, end);
      case 7: return multiply_rows<7, 1>(block, first, end);
      default: return multiply_rows<8, 1>(block, first, end);
    }
  }

  // R rows from `first` on times P panels.
  template <int R, int P, typename End>
  static inline void multiply_rows(const Block& block, int64_t first, const End& end) {
    const char *a = static_cast<const char*>(block.a) + first * block.a_step, *b = static_cast<const char*>(block.b);
    __m512 sums[R][2 * P];
    for (int r = 0; r < R; ++r) {
      const char* at = reinterpret_cast<const char*>(block.sums) + (first + r) * block.sums_step;
      for (int v = 0; v < 2 * P; ++v) sums[r][v] = block.add ? _mm512_loadu_ps(at + 64 * v) : _mm512_setzero_ps();
    }
    for (int64_t s = 0; s < block.steps; ++s, a += block.a_next, b += 2 * kTileBytes) {
      for (int64_t pair = 0; pair < 16; ++pair) {
        __m512bh right[2 * P];
        for (int v = 0; v < 2 * P; ++v) right[v] = (__m512bh)_mm512_loadu_si512(b + v / 2 * block.b_next + v % 2 * kTileBytes + 64 * pair);
        for (int r = 0; r < R; ++r) {
          int values;  // a pair of a's row
          std::memcpy(&values, a + r * block.a_step + 4 * pair, 4);
          const __m512bh left = (__m512bh)_mm512_set1_epi32(values);
          for (int v = 0; v < 2 * P; ++v) sums[r][v] = _mm512_dpbf16_ps(sums[r][v], left, right[v]);
        }
      }
    }
    for (int p = 0; p < P; ++p) {
      for (int r = 0; r < R; ++r) end(first + r, p, sums[r][2 * p], sums[r][2 * p + 1]);
    }
  }
};

}  // namespace qkv::cpu::QKV_TARGET_NAMESPACE
QKV_TARGET_END
