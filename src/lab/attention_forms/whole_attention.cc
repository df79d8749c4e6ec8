// Bound by memory once a head's scores exceed the caches: they are written, read and written, and read.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lab/attention_forms/whole_attention.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/parallel.h"
#include "lab/attention_forms/attention_forms.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::lab::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// row <- softmax(scale * row)
void Softmax(float* row, int64_t count, float scale) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), whole = count / lanes * lanes;
  auto best = hn::Set(d, row[0]);
  for (int64_t j = 0; j < whole; j += lanes) best = hn::Max(best, hn::LoadU(d, row + j));
  float largest = hn::GetLane(hn::MaxOfLanes(d, best));
  for (int64_t j = whole; j < count; ++j) largest = std::max(largest, row[j]);
  auto sums = hn::Zero(d);
  for (int64_t j = 0; j < whole; j += lanes) {
    const auto e = hn::Exp(d, hn::Mul(hn::Set(d, scale), hn::Sub(hn::LoadU(d, row + j), hn::Set(d, largest))));
    sums = hn::Add(sums, e);
    hn::StoreU(e, d, row + j);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, sums));
  for (int64_t j = whole; j < count; ++j) sum += row[j] = std::exp(scale * (row[j] - largest));
  for (int64_t j = 0; j < whole; j += lanes) hn::StoreU(hn::Mul(hn::LoadU(d, row + j), hn::Set(d, 1 / sum)), d, row + j);
  for (int64_t j = whole; j < count; ++j) row[j] /= sum;
}

}  // namespace qkv::lab::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qkv::lab {
HWY_EXPORT(Softmax);

namespace {

// The columns of one head.
View columns_of_head(const Tensor& x, int head, int64_t size) { return {x.host<float>() + head * size, x.rows(), size, x.cols()}; }

}  // namespace

Tensor whole_attention(const Tensor& q, const Tensor& k, const Tensor& v, int num_heads) {
  const int64_t tokens = q.rows(), size = q.cols() / num_heads;
  const float scale = 1 / std::sqrt(static_cast<float>(size));
  const Tensor out = Tensor::empty(q.shape(), DType::f32), scores = Tensor::empty({tokens, k.rows()}, DType::f32);
  const KernelTable& kernels = cpu_kernels();
  for (int head = 0; head < num_heads; ++head) {
    kernels.matmul({.a = columns_of_head(q, head, size), .b = columns_of_head(k, head, size), .out = scores.view(), .transpose_b = true});
    constexpr int64_t kRows = 32;
    parallel_for((tokens + kRows - 1) / kRows, [&](int64_t i) {
      for (int64_t row = i * kRows; row < std::min(tokens, (i + 1) * kRows); ++row)
        HWY_DYNAMIC_DISPATCH(Softmax)(scores.host<float>() + row * k.rows(), k.rows(), scale);
    });
    kernels.matmul({.a = scores.view(), .b = columns_of_head(v, head, size), .out = columns_of_head(out, head, size)});
  }
  return out;
}

}  // namespace qkv::lab
#endif
