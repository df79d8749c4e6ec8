// The epilogue of a product for a block of sums in L1: bias, activation, accumulation and conversion to the output's type. Included by a
// file that defines QKV_TARGET_NAMESPACE (bf16_pack-inl.h).
#pragma once

#include <type_traits>

#include "kernels/cpu/matmul/bf16_pack-inl.h"
#include "kernels/cpu/matmul/blocks.h"
#include "kernels/cpu/matmul/gelu_table.h"
#include "kernels/params.h"

QKV_TARGET_BEGIN
namespace qkv::cpu::QKV_TARGET_NAMESPACE {

inline __m512 load16(const float* from, __mmask16 mask) { return _mm512_maskz_loadu_ps(mask, from); }
inline __m512 load16(const bf16* from, __mmask16 mask) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from)), 16));
}
inline void store32(float* to, const __mmask16* masks, __m512 low, __m512 high) {
  _mm512_mask_storeu_ps(to, masks[0], low);
  _mm512_mask_storeu_ps(to + 16, masks[1], high);
}

// With the operands in this order NaN stays NaN.
inline __m512 not_below(float least, __m512 x) { return _mm512_max_ps(_mm512_set1_ps(least), x); }
inline __m512 not_above(float most, __m512 x) { return _mm512_min_ps(_mm512_set1_ps(most), x); }

// x g(x) by the table of g. While AMX multiplies, one port is left for multiplications and additions and one for shuffles, so this takes 6
// of the first kind and 3 of the second (a polynomial of degree 8 takes 12 and 0: 1,030 GFLOP/s instead of 1,240 for 384 -> 1536).
struct Gate {
  explicit Gate(const GateTable& table) {
    for (int half = 0; half < 6; ++half) c[half] = _mm512_load_ps(table.c[half / 2] + half % 2 * 16);
  }
  // Values of bf16 within the reach. NaN and infinity count as its ends.
  static __m512i inside(__m512i x) {
    constexpr short kEnd = 0x4090, kNegative = static_cast<short>(0x8000);  // kGateReach in bf16
    return _mm512_min_epi16(_mm512_min_epu16(x, _mm512_set1_epi16(kEnd | kNegative)), _mm512_set1_epi16(kEnd));
  }
  [[gnu::always_inline]] __m512 operator()(__m512 x, __m512 inside) const {
    const __m512 per_unit = _mm512_set1_ps(kIntervalsPerUnit), to_whole = _mm512_set1_ps(12582912);  // 1.5 2^23: rounds a sum to an integer
    const __m512 shifted = _mm512_fmadd_ps(inside, per_unit, to_whole);
    const __m512 d = _mm512_fmsub_ps(inside, per_unit, _mm512_sub_ps(shifted, to_whole));
    const __m512i k = _mm512_castps_si512(shifted);
    const __m512 upper = _mm512_fmadd_ps(_mm512_permutex2var_ps(c[4], k, c[5]), d, _mm512_permutex2var_ps(c[2], k, c[3]));
    return _mm512_mul_ps(x, _mm512_fmadd_ps(upper, d, _mm512_permutex2var_ps(c[0], k, c[1])));
  }
  __m512 c[6];
};

// x g(x) of 32 values, widened and narrowed within lanes of 128 bits; one shuffle at the end puts the halves of lanes in order.
alignas(64) inline constexpr uint64_t kHalvesOfLanes[] = {0, 4, 1, 5, 2, 6, 3, 7};
[[gnu::always_inline]] inline __m512i gelu(const Gate& gate, __m512i x) {
  const __m512i zero = _mm512_setzero_si512(), inside = Gate::inside(x);
  const __m512 low = gate(_mm512_castsi512_ps(_mm512_unpacklo_epi16(zero, x)), _mm512_castsi512_ps(_mm512_unpacklo_epi16(zero, inside)));
  const __m512 high = gate(_mm512_castsi512_ps(_mm512_unpackhi_epi16(zero, x)), _mm512_castsi512_ps(_mm512_unpackhi_epi16(zero, inside)));
  return _mm512_permutexvar_epi64(_mm512_load_si512(kHalvesOfLanes), (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

// The slope of x g(x) is 1/2 + x Q(t), t = 2 (x / kGateReach)^2 - 1, and 0 or 1 beyond the reach. Q is a minimax polynomial, highest power
// first. Errors are below 7.3e-5, where bf16 rounds 1 by 2e-3.
constexpr float kErfSlope[] = {-0.027440967f, 0.0581664518f,  -0.040818695f, 0.0442018136f, -0.0902985483f,
                               0.106754519f,  -0.0948904902f, 0.0859302804f, -0.089944616f, 0.159451365f};
constexpr float kTanhSlope[] = {-0.0300045442f, 0.0636653379f,  -0.0399587974f, 0.0355233736f,  -0.0856494308f,
                                0.108858854f,   -0.0976723284f, 0.0869655982f,  -0.0899282917f, 0.159311339f};
inline __m512 gate_slope(const float (&c)[10], __m512 x) {
  x = not_above(kGateReach, not_below(-kGateReach, x));
  const __m512 t = _mm512_fmsub_ps(_mm512_mul_ps(x, x), _mm512_set1_ps(2 / (kGateReach * kGateReach)), _mm512_set1_ps(1));
  __m512 y = _mm512_set1_ps(c[0]);
  for (int i = 1; i < 10; ++i) y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(c[i]));
  return _mm512_fmadd_ps(x, y, _mm512_set1_ps(0.5f));
}

// 32 bf16 values as two vectors of floats.
struct Floats32 {
  __m512 low, high;
  explicit Floats32(__m512i x) : low(widen(_mm512_castsi512_si256(x))), high(widen(_mm512_extracti64x4_epi64(x, 1))) {}
  static __m512 widen(__m256i x) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16)); }
};

// Outputs of at least this many bytes bypass the caches: they would be evicted before they are read, and their old content need not be
// fetched (gpt 20,500 -> 21,800 tok/s; at 32 MiB 21,000; with outputs of 1 to 8 MiB too, encdec and tiny lose 1 %).
constexpr int64_t kLarge = int64_t{10} << 20;

// The epilogue of some rows of a block; T is the output's type.
template <typename T, Epilogue kForm>
struct Finish {
  static constexpr bool kGelu = kForm == Epilogue::erf_gelu || kForm == Epilogue::tanh_gelu;

  Finish(const MatmulParams& p, const BlockEnd& end)
      : sums_(end.sums),
        step_(p.out.stride),
        left_(end.rows),
        accumulate_(p.accumulate),
        tanh_(kForm == Epilogue::any ? p.activation == Activation::gelu_tanh : kForm == Epilogue::tanh_gelu) {
    masks_[0] = first16(p.out.cols - end.column);
    masks_[1] = first16(p.out.cols - end.column - 16);
    out_ = p.out.row<T>(end.row) + end.column;
    if constexpr (std::is_same_v<T, bf16>) {
      if (p.activated) activated_ = p.activated.row<bf16>(end.row) + end.column;
      if (p.before) before_ = p.before.row<const bf16>(end.row) + end.column;
      const auto lines = [](const void* at, int64_t its_step) { return reinterpret_cast<uintptr_t>(at) % 64 == 0 && its_step % 32 == 0; };
      streams_ = !p.accumulate && p.out.rows * p.out.cols * 2 >= kLarge && p.out.cols - end.column >= 32 && lines(out_, step_) &&
                 (!activated_ || lines(activated_, p.activated.stride));
      activated_step_ = p.activated.stride;
      before_step_ = p.before.stride;
      gated_ = !p.accumulate && p.activation > Activation::relu;
    }
    bias_[0] = bias_[1] = _mm512_setzero_ps();
    for (int half = 0; p.bias && left_ > 0 && half < 2; ++half)
      bias_[half] = load16(p.bias.as<const float>() + end.column + 16 * half, masks_[half]);
  }
  [[gnu::always_inline]] void rows(int64_t count) {
    count = std::min(count, left_);
    left_ -= count;
    if constexpr (kGelu) return gelu_rows(count);
    for (; count > 0; --count, out_ += step_, sums_ += 32) {
      __m512 low = _mm512_add_ps(_mm512_load_ps(sums_), bias_[0]), high = _mm512_add_ps(_mm512_load_ps(sums_ + 16), bias_[1]);
      if constexpr (kForm == Epilogue::relu) clip(low, high);
      if (kForm == Epilogue::any && accumulate_) {
        low = _mm512_add_ps(low, load16(out_, masks_[0]));
        high = _mm512_add_ps(high, load16(out_ + 16, masks_[1]));
      }
      if constexpr (std::is_same_v<T, bf16>) {
        store(low, high);
      } else {
        store32(out_, masks_, low, high);
      }
    }
  }

 private:
  static void clip(__m512& low, __m512& high) {
    low = not_below(0, low);
    high = not_below(0, high);
  }
  __mmask32 mask() const { return masks_[0] | static_cast<__mmask32>(masks_[1]) << 16; }
  const GateTable& table() const { return tanh_ ? kTanhGate : kErfGate; }
  inline void put(bf16* to, __m512i y) {
    if (streams_) {
      _mm512_stream_si512(reinterpret_cast<__m512i*>(to), y);
    } else {
      _mm512_mask_storeu_epi16(to, mask(), y);
      __builtin_prefetch(to + 32, 1);  // the next panel's line, before it is written
    }
  }
  void put_activated(__m512i y) {
    put(activated_, y);
    activated_ += activated_step_;
  }
  [[gnu::always_inline]] void gelu_rows(int64_t count) {
    const Gate gate(table());
    for (; count > 0; --count, out_ += step_, sums_ += 32) {
      const __m512 low = _mm512_add_ps(_mm512_load_ps(sums_), bias_[0]), high = _mm512_add_ps(_mm512_load_ps(sums_ + 16), bias_[1]);
      const __m512i x = (__m512i)_mm512_cvtne2ps_pbh(high, low), y = gelu(gate, x);
      put(out_, activated_ ? x : y);
      if (activated_) put_activated(y);
    }
  }
  inline void store(__m512 low, __m512 high) {
    if constexpr (kForm != Epilogue::any) return put(out_, (__m512i)_mm512_cvtne2ps_pbh(high, low));
    if (before_) {
      const __m512i x = _mm512_maskz_loadu_epi16(mask(), before_);
      __builtin_prefetch(before_ + 32);  // the next panel's line
      if (gated_) {
        const Floats32 at(x);
        low = _mm512_mul_ps(low, gate_slope(tanh_ ? kTanhSlope : kErfSlope, at.low));
        high = _mm512_mul_ps(high, gate_slope(tanh_ ? kTanhSlope : kErfSlope, at.high));
        if (activated_) put_activated(gelu(Gate(table()), x));
      } else {
        const __mmask32 positive = _mm512_cmpgt_epi16_mask(x, _mm512_setzero_si512());
        low = _mm512_maskz_mov_ps(static_cast<__mmask16>(positive), low);
        high = _mm512_maskz_mov_ps(static_cast<__mmask16>(positive >> 16), high);
      }
      before_ += before_step_;
    }
    put(out_, (__m512i)_mm512_cvtne2ps_pbh(high, low));
  }

  const float* sums_;
  T* out_;
  bf16* activated_ = nullptr;
  const bf16* before_ = nullptr;
  int64_t step_, activated_step_ = 0, before_step_ = 0, left_;
  __m512 bias_[2];
  __mmask16 masks_[2];
  bool accumulate_, tanh_, gated_ = false, streams_ = false;
};

}  // namespace qkv::cpu::QKV_TARGET_NAMESPACE
QKV_TARGET_END
