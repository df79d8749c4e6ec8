// A matrix product of small tiles: kRows x kPanel sums stay in registers while a panel of b streams from the L1 cache.
//
// Bound by the multiply-adds: for 6 x 16 sums (AVX2), 12 of them, 2 loads and 6 broadcasts per step of k. b is packed in panels of kPanel
// columns, [k][kPanel], f32, zero-padded; a is read in place (rows with unit step) or from a copy of kRows columns. Every row is summed
// over k in ascending order whatever its neighbours, so a row's result depends on that row alone.
#if defined(QKV_GEMM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QKV_GEMM_INL_H_
#undef QKV_GEMM_INL_H_
#else
#define QKV_GEMM_INL_H_
#endif

#include "kernels/cpu/vector/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

inline constexpr int64_t kRows = 6;
inline constexpr int64_t kPanel = 2 * kLanes;

#if HWY_TARGET != HWY_SCALAR
using F8 = hn::FixedTag<float, 8>;

// Transposes 8 x 8 values.
HWY_INLINE void transpose_8(hn::Vec<F8>* rows) {
  const F8 d;
  const hn::Repartition<double, F8> d2;
  hn::Vec<F8> halves[8];  // [4 * half + c]: columns c and c + 4 of rows 4 * half to 4 * half + 3
  for (int half = 0; half < 2; ++half) {
    const hn::Vec<F8>* r = rows + 4 * half;
    const auto low01 = hn::BitCast(d2, hn::InterleaveLower(d, r[0], r[1])), low23 = hn::BitCast(d2, hn::InterleaveLower(d, r[2], r[3]));
    const auto high01 = hn::BitCast(d2, hn::InterleaveUpper(d, r[0], r[1])), high23 = hn::BitCast(d2, hn::InterleaveUpper(d, r[2], r[3]));
    halves[4 * half] = hn::BitCast(d, hn::InterleaveLower(d2, low01, low23));
    halves[4 * half + 1] = hn::BitCast(d, hn::InterleaveUpper(d2, low01, low23));
    halves[4 * half + 2] = hn::BitCast(d, hn::InterleaveLower(d2, high01, high23));
    halves[4 * half + 3] = hn::BitCast(d, hn::InterleaveUpper(d2, high01, high23));
  }
  for (int c = 0; c < 4; ++c) {
    rows[c] = hn::ConcatLowerLower(d, halves[4 + c], halves[c]);
    rows[4 + c] = hn::ConcatUpperUpper(d, halves[4 + c], halves[c]);
  }
}

HWY_INLINE hn::Vec<F8> load_8(const float* from) { return hn::LoadU(F8(), from); }
HWY_INLINE hn::Vec<F8> load_8(const bf16* from) {
  const auto bits =
      hn::PromoteTo(hn::Rebind<uint32_t, F8>(), hn::LoadU(hn::Rebind<uint16_t, F8>(), reinterpret_cast<const uint16_t*>(from)));
  return hn::BitCast(F8(), hn::ShiftLeft<16>(bits));
}

// Packs steps [0, depth rounded down to 8) of a panel whose columns are rows in memory, n_step apart.
template <int V, typename T>
void pack_transposed_columns(const T* b, int64_t n_step, int64_t depth, int64_t columns, float* panel) {
  constexpr int64_t kWidth = V * static_cast<int64_t>(kLanes);
  for (int64_t n = 0; n < kWidth; n += 8) {
    for (int64_t k = 0; k + 8 <= depth; k += 8) {
      hn::Vec<F8> block[8];
      for (int64_t i = 0; i < 8; ++i) block[i] = n + i < columns ? load_8(b + (n + i) * n_step + k) : hn::Zero(F8());
      transpose_8(block);
      for (int64_t i = 0; i < 8; ++i) hn::StoreU(block[i], F8(), panel + (k + i) * kWidth + n);
    }
  }
}
#endif

// Packs the columns of one panel of op(b), steps [0, depth) of k. Element (k, n) of b is b[k * k_step + n * n_step].
template <int V = 2, typename T>
void pack_columns(const T* b, int64_t k_step, int64_t n_step, int64_t depth, int64_t columns, float* panel) {
  constexpr int64_t kWidth = V * static_cast<int64_t>(kLanes);
  if (n_step == 1 && columns == kWidth) {
    for (int64_t k = 0; k < depth; ++k) {
      for (int v = 0; v < V; ++v) store(load(b + k * k_step + v * kLanes), panel + k * kWidth + v * kLanes);
    }
    return;
  }
  int64_t begin = 0;
#if HWY_TARGET != HWY_SCALAR
  if (k_step == 1) {
    pack_transposed_columns<V>(b, n_step, depth, columns, panel);
    begin = depth / 8 * 8;
  }
#endif
  for (int64_t n = 0; n < kWidth; ++n) {
    for (int64_t k = begin; k < depth; ++k) panel[k * kWidth + n] = n < columns ? to_float(b[k * k_step + n * n_step]) : 0.0f;
  }
}

// Packs all panels of op(b): [n / kPanel][depth][kPanel].
template <typename T>
void pack_all(const T* b, int64_t k_step, int64_t n_step, int64_t depth, int64_t columns, float* packed) {
  for (int64_t n = 0; n < columns; n += kPanel) {
    pack_columns(b + n * n_step, k_step, n_step, depth, std::min(kPanel, columns - n), packed + n * depth);
  }
}

// sums[r][c] (+)= sum over k of a[r * row_step + k * k_step] * panel[k][c] for R rows and all columns of V vectors.
template <int R, bool kUnitStep>
HWY_INLINE void multiply_tile(const float* HWY_RESTRICT a, int64_t row_step, int64_t k_step, const float* HWY_RESTRICT panel, int64_t depth,
                              float* sums, int64_t sums_step, bool accumulate) {
  constexpr int V = 2;
  const F32 d;
  Vec sum[R][V];
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < V; ++v) sum[r][v] = accumulate ? load(sums + r * sums_step + v * kLanes) : hn::Zero(d);
  }
  for (int64_t k = 0; k < depth; ++k) {
    Vec b[V];
    for (int v = 0; v < V; ++v) b[v] = load(panel + v * kLanes);
    panel += V * kLanes;
    for (int r = 0; r < R; ++r) {
      const Vec x = hn::Set(d, a[r * row_step]);
      for (int v = 0; v < V; ++v) sum[r][v] = hn::MulAdd(x, b[v], sum[r][v]);
    }
    a += kUnitStep ? 1 : k_step;
  }
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < V; ++v) store(sum[r][v], sums + r * sums_step + v * kLanes);
  }
}

template <bool kUnitStep>
HWY_INLINE void multiply_tile_of_rows(int64_t rows, const float* a, int64_t row_step, int64_t k_step, const float* panel, int64_t depth,
                                      float* sums, int64_t sums_step, bool accumulate) {
  switch (rows) {
    case 1: return multiply_tile<1, kUnitStep>(a, row_step, k_step, panel, depth, sums, sums_step, accumulate);
    case 2: return multiply_tile<2, kUnitStep>(a, row_step, k_step, panel, depth, sums, sums_step, accumulate);
    case 3: return multiply_tile<3, kUnitStep>(a, row_step, k_step, panel, depth, sums, sums_step, accumulate);
    case 4: return multiply_tile<4, kUnitStep>(a, row_step, k_step, panel, depth, sums, sums_step, accumulate);
    case 5: return multiply_tile<5, kUnitStep>(a, row_step, k_step, panel, depth, sums, sums_step, accumulate);
    default: return multiply_tile<6, kUnitStep>(a, row_step, k_step, panel, depth, sums, sums_step, accumulate);
  }
}

// A small product on the calling thread: out[rows, columns] (+)= a packed_b. `out` must have room for whole panels: `out_step` >= columns
// rounded up. `panel_depth`: steps of k per panel in memory (>= depth).
HWY_INLINE void small_gemm(const float* a, int64_t row_step, int64_t k_step, const float* packed_b, int64_t panel_depth, int64_t rows,
                           int64_t columns, int64_t depth, float* out, int64_t out_step, bool accumulate) {
  for (int64_t n = 0; n < columns; n += kPanel) {
    for (int64_t r = 0; r < rows; r += kRows) {
      const int64_t tile_rows = std::min(kRows, rows - r);
      if (k_step == 1) {
        multiply_tile_of_rows<true>(tile_rows, a + r * row_step, row_step, 1, packed_b + n * panel_depth, depth, out + r * out_step + n,
                                    out_step, accumulate);
      } else {
        multiply_tile_of_rows<false>(tile_rows, a + r * row_step, row_step, k_step, packed_b + n * panel_depth, depth,
                                     out + r * out_step + n, out_step, accumulate);
      }
    }
  }
}

constexpr int64_t round_up(int64_t x, int64_t multiple) { return (x + multiple - 1) / multiple * multiple; }

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
