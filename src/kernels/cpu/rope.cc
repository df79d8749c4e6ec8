// Rotary positions: bound by memory, a row is read and written once.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rope.cc"
#include <hwy/foreach_target.h>
//
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/vector/flat.h"
#include "kernels/cpu/vector/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

template <typename T>
HWY_INLINE void put(Vec value, T* to, size_t count, bool add) {
  store_part(add ? hn::Add(value, load_part(to, count)) : value, to, count);
}

// Rotates columns i and i + pairs together: whole vectors of each half.
template <typename T>
void rotate_halves(const T* x, T* y, const float* cosines, const float* sines, int64_t pairs, float sign, bool add) {
  for (int64_t i = 0; i < pairs; i += kLanes) {
    const size_t n = static_cast<size_t>(pairs - i);
    const Vec cosine = load_part(cosines + i, n), sine = hn::Mul(hn::Set(F32(), sign), load_part(sines + i, n));
    const Vec a = load_part(x + i, n), b = load_part(x + pairs + i, n);
    put(hn::NegMulAdd(b, sine, hn::Mul(a, cosine)), y + i, n, add);
    put(hn::MulAdd(a, sine, hn::Mul(b, cosine)), y + pairs + i, n, add);
  }
}

HWY_INLINE void put(float value, float* to, bool add) { *to = add ? *to + value : value; }
HWY_INLINE void put(float value, bf16* to, bool add) { *to = to_bf16(add ? to_float(*to) + value : value); }

template <typename T>
void rotate_neighbours(const T* x, T* y, const float* cosines, const float* sines, int64_t pairs, float sign, bool add) {
  for (int64_t i = 0; i < pairs; ++i) {
    const float a = to_float(x[2 * i]), b = to_float(x[2 * i + 1]), sine = sign * sines[i];
    put(a * cosines[i] - b * sine, y + 2 * i, add);
    put(b * cosines[i] + a * sine, y + 2 * i + 1, add);
  }
}

void rope(const RopeParams& p) {
  const int64_t size = p.x.cols / p.num_heads, pairs = p.cosines.cols;
  const float sign = p.transpose ? -1.0f : 1.0f;
  with_type(p.x.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    for_each_slab(p.x.rows, [&](int64_t first, int64_t last) HWY_ATTR {
      for (int64_t r = first; r < last; ++r) {
        const float *cosines = p.cosines.row<const float>(p.position_of[r]), *sines = p.sines.row<const float>(p.position_of[r]);
        for (int64_t head = 0; head < p.x.cols; head += size) {
          const T* x = p.x.row<const T>(r) + head;
          T* y = p.y.row<T>(r) + head;
          if (p.layout == RotaryPairs::halves) {
            rotate_halves(x, y, cosines, sines, pairs, sign, p.accumulate);
          } else {
            rotate_neighbours(x, y, cosines, sines, pairs, sign, p.accumulate);
          }
          for (int64_t c = 2 * pairs; c < size; c += kLanes) put(load_part(x + c, size - c), y + c, size - c, p.accumulate);
        }
      }
    });
  });
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qkv::cpu {
HWY_EXPORT(rope);
void rope(const RopeParams& p) { HWY_DYNAMIC_DISPATCH(rope)(p); }
}  // namespace qkv::cpu
#endif
