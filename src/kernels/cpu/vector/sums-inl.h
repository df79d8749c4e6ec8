// Vectors of sums for arithmetic alone: Highway's, but on plain x86-64, where its scalar target leaves the vectors of 4 that every such
// processor has unused (matrix products are 3.4 times as fast with them).
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
HWY_INLINE Sums LoadSums(const float* from) {
  Sums x;
  std::memcpy(&x, from, sizeof x);
  return x;
}
HWY_INLINE void StoreSums(Sums x, float* to) { std::memcpy(to, &x, sizeof x); }
HWY_INLINE void StoreSums(Sums x, bf16* to) {
  for (int i = 0; i < 4; ++i) to[i] = to_bf16(x[i]);
}
HWY_INLINE Sums SetSums(float x) { return Sums{x, x, x, x}; }
HWY_INLINE Sums MultiplyAdd(Sums x, Sums y, Sums z) { return x * y + z; }
HWY_INLINE Sums Plus(Sums x, Sums y) { return x + y; }
HWY_INLINE Sums ReluOf(Sums x) { return x < SetSums(0) ? SetSums(0) : x; }
#else
using Sums = Vec;
HWY_INLINE Sums LoadSums(const float* from) { return Load(from); }
template <typename T>
HWY_INLINE void StoreSums(Sums x, T* to) {
  Store(x, to);
}
HWY_INLINE Sums SetSums(float x) { return hn::Set(F32(), x); }
HWY_INLINE Sums MultiplyAdd(Sums x, Sums y, Sums z) { return hn::MulAdd(x, y, z); }
HWY_INLINE Sums Plus(Sums x, Sums y) { return hn::Add(x, y); }
HWY_INLINE Sums ReluOf(Sums x) { return Relu(x); }
#endif
inline constexpr int64_t kSumLanes = sizeof(Sums) / 4;

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
