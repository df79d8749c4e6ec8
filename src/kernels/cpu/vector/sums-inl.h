// Vectors of sums with arithmetic only. They are Highway's except on plain x86-64, where its scalar target leaves the 4-element vectors of
// every such processor unused (matrix products are 3.4 times as fast with them).
#if defined(QKV_SUMS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QKV_SUMS_INL_H_
#undef QKV_SUMS_INL_H_
#else
#define QKV_SUMS_INL_H_
#endif

#include <cstring>

#include "kernels/cpu/vector/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
using Sums = float __attribute__((vector_size(16)));
HWY_INLINE Sums load_sums(const float* from) {
  Sums x;
  std::memcpy(&x, from, sizeof x);
  return x;
}
HWY_INLINE void store_sums(Sums x, float* to) { std::memcpy(to, &x, sizeof x); }
HWY_INLINE void store_sums(Sums x, bf16* to) {
  for (int i = 0; i < 4; ++i) to[i] = to_bf16(x[i]);
}
HWY_INLINE Sums set_sums(float x) { return Sums{x, x, x, x}; }
HWY_INLINE Sums multiply_add(Sums x, Sums y, Sums z) { return x * y + z; }
HWY_INLINE Sums plus(Sums x, Sums y) { return x + y; }
HWY_INLINE Sums relu_of(Sums x) { return x < set_sums(0) ? set_sums(0) : x; }
#else
using Sums = Vec;
HWY_INLINE Sums load_sums(const float* from) { return load(from); }
template <typename T>
HWY_INLINE void store_sums(Sums x, T* to) {
  store(x, to);
}
HWY_INLINE Sums set_sums(float x) { return hn::Set(F32(), x); }
HWY_INLINE Sums multiply_add(Sums x, Sums y, Sums z) { return hn::MulAdd(x, y, z); }
HWY_INLINE Sums plus(Sums x, Sums y) { return hn::Add(x, y); }
HWY_INLINE Sums relu_of(Sums x) { return relu(x); }
#endif
inline constexpr int64_t kSumLanes = sizeof(Sums) / 4;

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
