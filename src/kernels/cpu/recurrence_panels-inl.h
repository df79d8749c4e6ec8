// The product of one recurrence step: some rows of a state times a panel of W_hh, with the sums in registers.
//
// Bound by the multiply-adds with 64 sequences (512 units on one AVX-512 core: 24 of them beside 4 loads and 6 broadcasts), by reading W_hh
// with few. A panel is kVectors vectors of columns, [k][kVectors * kLanes], zero-padded. kPieceDepth steps of k stay in L1 for all rows
// while the next ones are prefetched. Every row is summed over k in ascending order whatever its neighbours.
#if defined(QKV_RECURRENCE_PANELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QKV_RECURRENCE_PANELS_INL_H_
#undef QKV_RECURRENCE_PANELS_INL_H_
#else
#define QKV_RECURRENCE_PANELS_INL_H_
#endif

#include "kernels/cpu/vector/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

inline constexpr int64_t kPieceDepth = 128;  // 32 KiB of a panel of 4 vectors of 16

// Rows per tile: the sums, a panel's vectors and a broadcast fit in 32 registers, or in 16.
template <int V>
constexpr int64_t rows_per_tile() {
  return HWY_TARGET == HWY_AVX3 ? (V == 3 ? 8 : 6) : (V == 3 ? 4 : 3);
}

// sums[r][v] (+)= sum over k of a[r][k] * panel[k][v]. Meanwhile `lines` cache lines from `next` on are prefetched.
template <int R, int V>
HWY_INLINE void panel_tile(const float* HWY_RESTRICT a, int64_t stride, const float* HWY_RESTRICT panel, int64_t depth, float* sums,
                           bool accumulate, const float* next, int64_t lines) {
  const F32 d;
  constexpr int64_t kWidth = V * static_cast<int64_t>(kLanes);
  Vec sum[R][V];
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < V; ++v) sum[r][v] = accumulate ? load(sums + r * kWidth + v * kLanes) : hn::Zero(d);
  }
  for (int64_t k = 0; k < depth; ++k) {
    if (k < lines) __builtin_prefetch(next + 16 * k, 0, 2);  // into L2
    Vec b[V];
    for (int v = 0; v < V; ++v) b[v] = load(panel + k * kWidth + v * kLanes);
    for (int r = 0; r < R; ++r) {
      const Vec x = hn::Set(d, a[r * stride + k]);
      for (int v = 0; v < V; ++v) sum[r][v] = hn::MulAdd(x, b[v], sum[r][v]);
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < V; ++v) store(sum[r][v], sums + r * kWidth + v * kLanes);
  }
}

template <int V>
HWY_INLINE void panel_tile_of_rows(int64_t rows, const float* a, int64_t stride, const float* panel, int64_t depth, float* sums,
                                   bool accumulate, const float* next, int64_t lines) {
  switch (rows) {
    case 1: return panel_tile<1, V>(a, stride, panel, depth, sums, accumulate, next, lines);
    case 2: return panel_tile<2, V>(a, stride, panel, depth, sums, accumulate, next, lines);
    case 3: return panel_tile<3, V>(a, stride, panel, depth, sums, accumulate, next, lines);
#if HWY_TARGET == HWY_AVX3
    case 4: return panel_tile<4, V>(a, stride, panel, depth, sums, accumulate, next, lines);
    case 5: return panel_tile<5, V>(a, stride, panel, depth, sums, accumulate, next, lines);
    case 6: return panel_tile<6, V>(a, stride, panel, depth, sums, accumulate, next, lines);
    case 7: return panel_tile < V == 3 ? 7 : 1, V > (a, stride, panel, depth, sums, accumulate, next, lines);
    default: return panel_tile < V == 3 ? 8 : 1, V > (a, stride, panel, depth, sums, accumulate, next, lines);
#else
    default: return panel_tile < V == 3 ? 4 : 1, V > (a, stride, panel, depth, sums, accumulate, next, lines);
#endif
  }
}

// sums[rows][V * kLanes] = a[rows][depth] * panel.
template <int V>
void panel_product(const float* a, int64_t stride, int64_t rows, const float* panel, int64_t depth, float* sums) {
  constexpr int64_t kWidth = V * static_cast<int64_t>(kLanes);
  for (int64_t k = 0; k < depth; k += kPieceDepth) {
    const int64_t steps = std::min(kPieceDepth, depth - k);
    const float* next = panel + (k + steps) * kWidth;  // after the last steps this is the next panel, which is mostly what comes next
    const int64_t lines = steps * kWidth / 16;
    for (int64_t r = 0, line = 0; r < rows; r += rows_per_tile<V>(), line += steps) {
      panel_tile_of_rows<V>(std::min(rows_per_tile<V>(), rows - r), a + r * stride + k, stride, panel + k * kWidth, steps,
                            sums + r * kWidth, k > 0, next + 16 * line, lines - line);
    }
  }
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
