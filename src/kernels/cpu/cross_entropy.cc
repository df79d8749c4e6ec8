// Output layer and loss, a chunk of rows at a time: logits are computed, used and turned into their gradient while they are in the cache.
// Bound by three matrix products of [rows, size] x [size, vocab]; the softmax between them reads and writes each logit three times.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/cross_entropy.cc"
#include <hwy/foreach_target.h>
//
#include <cmath>
#include <vector>

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/vector/activation-inl.h"
#include "kernels/cpu/vector/flat.h"
#include "kernels/cpu/vector/scratch.h"
#include "kernels/cpu/vector/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

HWY_INLINE void store_one(float value, float* to) { *to = value; }
HWY_INLINE void store_one(float value, bf16* to) { *to = to_bf16(value); }

// Largest value, sum of exp(x - largest) and sum of x of a row.
struct RowSums {
  float largest;
  float exponentials;
  double values;
};

RowSums sum_row(const float* x, int64_t n, bool keep_exponentials, float* out) {
  const F32 d;
  constexpr int64_t kBlock = 4096;
  Vec best = hn::Set(d, -INFINITY);
  double total = 0;
  for (int64_t first = 0; first < n; first += kBlock) {
    const int64_t last = std::min(n, first + kBlock);
    Vec sum = hn::Zero(d);
    for (int64_t c = first; c < last; c += kLanes) {
      const Vec v = load_part(x + c, last - c);
      const bool whole = last - c >= static_cast<int64_t>(kLanes);
      best = hn::Max(best, whole ? v : hn::IfThenElse(hn::FirstN(d, last - c), v, best));
      sum = hn::Add(sum, v);
    }
    total += hn::GetLane(hn::SumOfLanes(d, sum));
  }
  const float largest = hn::GetLane(hn::MaxOfLanes(d, best));
  double exponentials = 0;
  for (int64_t first = 0; first < n; first += kBlock) {
    const int64_t last = std::min(n, first + kBlock);
    Vec sum = hn::Zero(d);
    for (int64_t c = first; c < last; c += kLanes) {
      const bool whole = last - c >= static_cast<int64_t>(kLanes);
      Vec e = exp_of_negative(hn::Sub(load_part(x + c, last - c), hn::Set(d, largest)));
      if (!whole) e = hn::IfThenElseZero(hn::FirstN(d, last - c), e);
      if (keep_exponentials) store_part(e, out + c, last - c);
      sum = hn::Add(sum, e);
    }
    exponentials += hn::GetLane(hn::SumOfLanes(d, sum));
  }
  return {largest, static_cast<float>(exponentials), total};
}

// x becomes cap * tanh(x / cap); slope receives the derivative.
void soft_cap_row(float cap, int64_t n, float* x, float* slope) {
  const F32 d;
  const Vec factor = hn::Set(d, cap), inverse = hn::Set(d, 1 / cap), one = hn::Set(d, 1.0f);
  for (int64_t c = 0; c < n; c += kLanes) {
    const Vec t = activate(Activation::tanh, hn::Mul(load_part(x + c, n - c), inverse));
    store_part(hn::Mul(factor, t), x + c, n - c);
    store_part(hn::NegMulAdd(t, t, one), slope + c, n - c);
  }
}

// Loss of one row of logits. If a gradient is wanted the row becomes scale * (softmax - smoothing / n - (1 - smoothing) [target]) times the
// slope of a soft cap, stored from the row's beginning in type T.
template <typename T>
void loss_of_row(const CrossEntropyParams& p, int64_t r, float* x, double& loss, double& nll) {
  const int64_t n = p.table.rows;
  const bool gradient = static_cast<bool>(p.dhidden);
  float* slope = nullptr;
  if (p.softcap > 0) {
    slope = scratch(Scratch::outputs, n);
    soft_cap_row(p.softcap, n, x, slope);
  }
  const float target_logit = x[p.targets[r]];
  const RowSums sums = sum_row(x, n, gradient, x);
  const double log_sum_exp = sums.largest + std::log(static_cast<double>(sums.exponentials));
  nll = log_sum_exp - target_logit;
  loss = (1 - p.label_smoothing) * nll + p.label_smoothing * (log_sum_exp - sums.values / n);
  if (!gradient) return;
  const float factor = p.scale / sums.exponentials, shift = p.scale * p.label_smoothing / static_cast<float>(n);
  const float at_target = x[p.targets[r]] * factor - shift - p.scale * (1 - p.label_smoothing);
  T* out = reinterpret_cast<T*>(x);
  for (int64_t c = 0; c < n; c += kLanes) {
    Vec gradient = hn::MulSub(load_part(x + c, n - c), hn::Set(F32(), factor), hn::Set(F32(), shift));
    if (slope) gradient = hn::Mul(gradient, load_part(slope + c, n - c));
    store_part(gradient, out + c, n - c);
  }
  store_one(slope ? at_target * slope[p.targets[r]] : at_target, out + p.targets[r]);
}

void loss_of_rows(const CrossEntropyParams& p, int64_t first, int64_t rows, float* logits, int64_t step, double* loss, double* nll) {
  with_type(p.hidden.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    parallel_for((rows + 3) / 4, [&](int64_t group) HWY_ATTR {
      for (int64_t i = group * 4; i < std::min(rows, group * 4 + 4); ++i) loss_of_row<T>(p, first + i, logits + i * step, loss[i], nll[i]);
    });
  });
}

void log_softmax(const LogSoftmaxParams& p) {
  const int64_t n = p.x.cols;
  parallel_for(p.x.rows, [&](int64_t r) HWY_ATTR {
    float* x = p.x.row<float>(r);
    const RowSums sums = sum_row(x, n, false, nullptr);
    const Vec shift = hn::Set(F32(), sums.largest + std::log(sums.exponentials));
    for (int64_t c = 0; c < n; c += kLanes) store_part(hn::Sub(load_part(x + c, n - c), shift), x + c, n - c);
  });
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qkv::cpu {
HWY_EXPORT(loss_of_rows);
HWY_EXPORT(log_softmax);

namespace {

// Rows of logits per chunk: about 16 MiB, whole tiles of the matrix product, and enough rows to keep the threads busy.
int64_t chunk_rows(int64_t vocab) { return std::clamp<int64_t>((int64_t{1} << 22) / vocab / 48 * 48, 96, 1920); }

}  // namespace

void cross_entropy(const CrossEntropyParams& p) {
  const int64_t vocab = p.table.rows, chunk = std::min(chunk_rows(vocab), std::max<int64_t>(p.hidden.rows, 1));
  float* memory = scratch(Scratch::logits, chunk * vocab);
  std::vector<double> loss(static_cast<size_t>(chunk)), nll(static_cast<size_t>(chunk));
  double& loss_sum = p.sums.as<double>()[0];
  double& nll_sum = p.sums.as<double>()[1];
  loss_sum = nll_sum = 0;
  for (int64_t first = 0; first < p.hidden.rows; first += chunk) {
    const int64_t rows = std::min(chunk, p.hidden.rows - first);
    const View logits{memory, rows, vocab, vocab, DType::f32}, hidden = p.hidden.rows_from(first, rows);
    matmul({.a = hidden, .b = p.table, .out = logits, .bias = p.bias, .transpose_b = true, .packed_b = p.packed_table});
    HWY_DYNAMIC_DISPATCH(loss_of_rows)(p, first, rows, memory, vocab, loss.data(), nll.data());
    for (int64_t i = 0; i < rows; ++i) {
      loss_sum += loss[i];
      nll_sum += nll[i];
    }
    if (!p.dhidden) continue;
    // The gradient overwrites its row of logits in the type of the hidden rows; in bf16 all three products run in bf16.
    const int64_t step = vocab * 4 / size_of(p.hidden.dtype);
    const View gradient{memory, rows, vocab, step, p.hidden.dtype};
    matmul({.a = gradient, .b = p.table, .out = p.dhidden.rows_from(first, rows), .packed_b = p.packed_table_t});
    matmul({.a = gradient,
            .b = hidden,
            .out = p.dtable,
            .transpose_a = true,
            .accumulate = true,
            .a_sums = p.dbias,
            .accumulate_a_sums = true});
  }
}

void log_softmax(const LogSoftmaxParams& p) { HWY_DYNAMIC_DISPATCH(log_softmax)(p); }

}  // namespace qkv::cpu
#endif
