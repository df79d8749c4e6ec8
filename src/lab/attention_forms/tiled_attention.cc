#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "lab/attention_forms/attention_forms.h"

namespace qkv::lab {
namespace {

// The result for the keys so far: their softmax, and the log-sum-exp, [tokens, num_heads].
struct SeenSoFar {
  Tensor out, log_sum_exp;
};

// Adds another tile of keys. The weights of both sides sum to one per row (Dao et al. 2022, section 3.1).
void add_tile(const SeenSoFar& all, const AttentionResult& tile, int num_heads) {
  const int64_t size = all.out.cols() / num_heads, rows = all.out.rows();
  constexpr int64_t kSlab = 64;
  parallel_for((rows + kSlab - 1) / kSlab, [&](int64_t slab) {
    for (int64_t i = slab * kSlab * num_heads; i < std::min(rows, (slab + 1) * kSlab) * num_heads; ++i) {
      const float* saved = tile.log_sum_exp.host<float>() + 2 * i;
      float& before = all.log_sum_exp.host<float>()[i];
      const float here = saved[0] + saved[1], largest = std::max(before, here);
      const float now = largest + std::log(std::exp(before - largest) + std::exp(here - largest));
      const float keep = std::exp(before - now), add = std::exp(here - now);
      float* to = all.out.host<float>() + i * size;
      const float* from = tile.out.host<float>() + i * size;
      for (int64_t c = 0; c < size; ++c) to[c] = keep * to[c] + add * from[c];
      before = now;
    }
  });
}

}  // namespace

Tensor tiled_attention(const Tensor& q, const Tensor& k, const Tensor& v, int num_heads, int64_t tile) {
  // Queries are scaled first because the saved largest score excludes the scale.
  const Tensor scaled = Tensor::empty(q.shape(), DType::f32);
  const float scale = 1 / std::sqrt(static_cast<float>(q.cols() / num_heads));
  cpu_kernels().copy({.x = q.view(), .out = scaled.view(), .scale = scale});
  const AttentionOptions options{
      .num_heads = num_heads, .num_key_value_heads = num_heads, .scale = 1, .implementation = AttentionImplementation::composed};
  const SeenSoFar all{Tensor::zeros(q.shape(), DType::f32), Tensor::empty({q.rows(), num_heads}, DType::f32)};
  all.log_sum_exp.fill(-INFINITY);
  const auto segments = [](int64_t length) { return Segments::of_lengths(std::vector{static_cast<int32_t>(length)}); };
  for (int64_t begin = 0; begin < k.rows(); begin += tile) {
    const int64_t count = std::min(tile, k.rows() - begin);
    add_tile(all, attention(scaled, k.row_range(begin, count), v.row_range(begin, count), segments(q.rows()), segments(count), options),
             num_heads);
  }
  return all.out;
}

}  // namespace qkv::lab
