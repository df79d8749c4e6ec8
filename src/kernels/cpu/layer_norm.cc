// Layer normalization and RMSNorm: two passes over a row that is in L1, bound by memory.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/layer_norm.cc"
#include <hwy/foreach_target.h>
//
#include <cmath>

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/vector/flat.h"
#include "kernels/cpu/vector/scratch.h"
#include "kernels/cpu/vector/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

HWY_INLINE float sum_of_lanes(Vec x) { return hn::GetLane(hn::SumOfLanes(F32(), x)); }

// x - mean; zero in the lanes past the row's end.
template <typename T>
HWY_INLINE Vec subtract_mean(const T* x, int64_t left, Vec mean) {
  const Vec centered = hn::Sub(load_part(x, left), mean);
  return left >= static_cast<int64_t>(kLanes) ? centered : hn::IfThenElseZero(hn::FirstN(F32(), left), centered);
}

template <typename T>
void row_forward(const LayerNormParams& p, int64_t r) {
  const F32 d;
  const T* x = p.x.row<const T>(r);
  T* y = p.y.row<T>(r);
  const int64_t n = p.x.cols, own = r * n % p.weight.cols;  // of its weights
  const float *weight = p.weight.as<const float>() + own, *bias = p.bias ? p.bias.as<const float>() + own : nullptr;
  Vec sum = hn::Zero(d), squares = hn::Zero(d);
  for (int64_t c = 0; c < n && p.center; c += kLanes) sum = hn::Add(sum, load_part(x + c, n - c));
  const Vec mean = hn::Set(d, sum_of_lanes(sum) / static_cast<float>(n));
  for (int64_t c = 0; c < n; c += kLanes) {
    const Vec v = subtract_mean(x + c, n - c, mean);
    squares = hn::MulAdd(v, v, squares);
  }
  const float inverse = 1 / std::sqrt(sum_of_lanes(squares) / static_cast<float>(n) + p.epsilon);
  for (int64_t c = 0; c < n; c += kLanes) {
    const Vec normalized = hn::Mul(hn::Sub(load_part(x + c, n - c), mean), hn::Set(d, inverse));
    const Vec shift = bias ? load_part(bias + c, n - c) : hn::Zero(d);
    store_part(hn::MulAdd(normalized, load_part(weight + c, n - c), shift), y + c, n - c);
  }
  if (p.mean) p.mean.as<float>()[r] = hn::GetLane(mean);
  if (p.inverse_deviation) p.inverse_deviation.as<float>()[r] = inverse;
}

void layer_norm(const LayerNormParams& p) {
  with_type(p.x.dtype, [&](auto* type) {
    for_each_slab(p.x.rows, [&](int64_t first, int64_t last) HWY_ATTR {
      for (int64_t r = first; r < last; ++r) row_forward<std::remove_pointer_t<decltype(type)>>(p, r);
    });
  });
}

// With g = weight * dy and x' the normalized x: dx = inverse * (g - mean(g) - x' * mean(g x')). The sums for weight and bias go to this
// slab's rows of partial sums.
template <typename T>
void row_backward(const LayerNormBackwardParams& p, int64_t r, float* dweight, float* dbias) {
  const F32 d;
  const T *x = p.x.row<const T>(r), *dy = p.dy.row<const T>(r);
  T* dx = p.dx.row<T>(r);
  const int64_t n = p.x.cols, own = r * n % p.weight.cols;
  const float* weight = p.weight.as<const float>() + own;
  dweight += own;
  dbias += own;
  const Vec mean = hn::Set(d, p.mean.as<float>()[r]), inverse = hn::Set(d, p.inverse_deviation.as<float>()[r]);
  Vec sum_g = hn::Zero(d), sum_gx = hn::Zero(d);
  for (int64_t c = 0; c < n; c += kLanes) {
    const Vec gradient = load_part(dy + c, n - c), normalized = hn::Mul(hn::Sub(load_part(x + c, n - c), mean), inverse);
    const Vec g = hn::Mul(gradient, load_part(weight + c, n - c));
    sum_g = hn::Add(sum_g, g);
    sum_gx = hn::MulAdd(g, normalized, sum_gx);
    store_part(hn::MulAdd(gradient, normalized, load_part(dweight + c, n - c)), dweight + c, n - c);
    store_part(hn::Add(gradient, load_part(dbias + c, n - c)), dbias + c, n - c);
  }
  if (!p.dx) return;
  const Vec mean_g = p.center ? hn::Set(d, sum_of_lanes(sum_g) / static_cast<float>(n)) : hn::Zero(d),
            mean_gx = hn::Set(d, sum_of_lanes(sum_gx) / static_cast<float>(n));
  for (int64_t c = 0; c < n; c += kLanes) {
    const Vec normalized = hn::Mul(hn::Sub(load_part(x + c, n - c), mean), inverse);
    const Vec g = hn::Mul(load_part(dy + c, n - c), load_part(weight + c, n - c));
    Vec out = hn::Mul(inverse, hn::Sub(hn::Sub(g, mean_g), hn::Mul(normalized, mean_gx)));
    if (p.accumulate) out = hn::Add(out, load_part(dx + c, n - c));
    store_part(out, dx + c, n - c);
  }
}

void layer_norm_backward(const LayerNormBackwardParams& p) {
  const int64_t slabs = (p.x.rows + kRowSlab - 1) / kRowSlab, n = p.weight.cols;
  float* partial = scratch(Scratch::sums, slabs * 2 * n);
  with_type(p.x.dtype, [&](auto* type) {
    for_each_slab(p.x.rows, [&](int64_t first, int64_t last) HWY_ATTR {
      float* sums = partial + first / kRowSlab * 2 * n;
      std::memset(sums, 0, static_cast<size_t>(2 * n) * sizeof(float));
      for (int64_t r = first; r < last; ++r) row_backward<std::remove_pointer_t<decltype(type)>>(p, r, sums, sums + n);
    });
  });
  for (int64_t s = 0; s < slabs; ++s) {
    for (int64_t c = 0; c < n; ++c) {
      if (p.dweight) p.dweight.as<float>()[c] += partial[s * 2 * n + c];
      if (p.dbias) p.dbias.as<float>()[c] += partial[s * 2 * n + n + c];
    }
  }
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qkv::cpu {
HWY_EXPORT(layer_norm);
HWY_EXPORT(layer_norm_backward);
void layer_norm(const LayerNormParams& p) { HWY_DYNAMIC_DISPATCH(layer_norm)(p); }
void layer_norm_backward(const LayerNormBackwardParams& p) { HWY_DYNAMIC_DISPATCH(layer_norm_backward)(p); }
}  // namespace qkv::cpu
#endif
