// The epilogue of a product for a block of sums in L1: bias, activation, accumulation and conversion to the output's type. Included by a
// file that defines QKV_TARGET_NAMESPACE (bf16_pack-inl.h).
#pragma once

#include <type_traits>

#include "kernels/cpu/matmul/bf16_pack-inl.h"
#include "kernels/cpu/matmul/blocks.h"
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

// Activations of the form x g(x) with g - 1/2 odd: g(x) = 1/2 + x P(t) and the slope 1/2 + x Q(t), t = 2 (x / kReach)^2 - 1, with minimax P
// and Q; beyond kReach g is 0 or 1. Errors are below 2.3e-5 and 7.3e-5, where bf16 rounds 1 by 2e-3. They take 14 and 10 more instructions
// instead of the 40 of an exponential and a division.
constexpr float kReach = 4.5f;
struct GateCoefficients {
  float value[9], slope[10];  // highest power first
};
constexpr GateCoefficients kGelu{{0.00412155548f, -0.0100396425f, 0.0111252014f, -0.015787093f, 0.0280692745f, -0.0409084223f,
                                  0.0547688119f, -0.0771413371f, 0.15690276f},
                                 {-0.027440967f, 0.0581664518f, -0.040818695f, 0.0442018136f, -0.0902985483f, 0.106754519f, -0.0948904902f,
                                  0.0859302804f, -0.089944616f, 0.159451365f}};
constexpr GateCoefficients kGeluTanh{{0.00478934217f, -0.0110372771f, 0.0106893452f, -0.0145799378f, 0.0276811402f, -0.0410179235f,
                                      0.0548824444f, -0.0772315487f, 0.156935528f},
                                     {-0.0300045442f, 0.0636653379f, -0.0399587974f, 0.0355233736f, -0.0856494308f, 0.108858854f,
                                      -0.0976723284f, 0.0869655982f, -0.0899282917f, 0.159311339f}};

template <size_t N>
inline __m512 half_and_odd(const float (&c)[N], __m512 x, __m512 t) {
  __m512 y = _mm512_set1_ps(c[0]);
  for (size_t i = 1; i < N; ++i) y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(c[i]));
  return _mm512_fmadd_ps(x, y, _mm512_set1_ps(0.5f));
}
// With the operands in this order NaN stays NaN.
inline __m512 not_below(float least, __m512 x) { return _mm512_max_ps(_mm512_set1_ps(least), x); }
inline __m512 not_above(float most, __m512 x) { return _mm512_min_ps(_mm512_set1_ps(most), x); }

// Replaces x by its activation. If kSlope, returns the slope.
template <bool kSlope>
inline __m512 pass_gate(const GateCoefficients& gate, __m512& x) {
  const __m512 reached = not_below(-kReach, x), inside = not_above(kReach, reached);
  const __m512 t = _mm512_fmsub_ps(_mm512_mul_ps(inside, inside), _mm512_set1_ps(2 / (kReach * kReach)), _mm512_set1_ps(1));
  x = _mm512_mul_ps(reached, half_and_odd(gate.value, inside, t));
  if constexpr (kSlope) return half_and_odd(gate.slope, inside, t);
  return x;
}

// 32 bf16 values as two vectors of floats, and back.
struct Floats32 {
  __m512 low, high;
  explicit Floats32(__m512i x) : low(widen(_mm512_castsi512_si256(x))), high(widen(_mm512_extracti64x4_epi64(x, 1))) {}
  static __m512 widen(__m256i x) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16)); }
  __m512i bf16() const { return (__m512i)_mm512_cvtne2ps_pbh(high, low); }
};

// Outputs of at least this many bytes bypass the caches: they would be evicted before they are read, and their old content need not be
// fetched (gpt 20,500 -> 21,800 tok/s; at 32 MiB 21,000; with outputs of 1 to 8 MiB too, encdec and tiny lose 1 %).
constexpr int64_t kLarge = int64_t{10} << 20;

// The epilogue of some rows of a block; T is the output's type. kPlain: only an optional bias, sixteen operations for 32 outputs.
template <typename T, bool kPlain>
struct Finish {
  Finish(const MatmulParams& p, const BlockEnd& end) : sums_(end.sums), step_(p.out.stride), left_(end.rows), accumulate_(p.accumulate) {
    masks_[0] = first16(p.out.cols - end.column);
    masks_[1] = first16(p.out.cols - end.column - 16);
    out_ = p.out.row<T>(end.row) + end.column;
    relu_ = p.activation == Activation::relu && !p.accumulate;
    if constexpr (std::is_same_v<T, bf16>) {
      if (p.activated) activated_ = p.activated.row<bf16>(end.row) + end.column;
      if (p.before) before_ = p.before.row<const bf16>(end.row) + end.column;
      const auto lines = [](const void* at, int64_t its_step) { return reinterpret_cast<uintptr_t>(at) % 64 == 0 && its_step % 32 == 0; };
      streams_ = !p.accumulate && p.out.rows * p.out.cols * 2 >= kLarge && p.out.cols - end.column >= 32 && lines(out_, step_) &&
                 (!activated_ || lines(activated_, p.activated.stride));
      activated_step_ = p.activated.stride;
      before_step_ = p.before.stride;
      if (!p.accumulate && p.activation > Activation::relu) gate_ = p.activation == Activation::gelu ? &kGelu : &kGeluTanh;
    }
    bias_[0] = bias_[1] = _mm512_setzero_ps();
    for (int half = 0; p.bias && left_ > 0 && half < 2; ++half)
      bias_[half] = load16(p.bias.as<const float>() + end.column + 16 * half, masks_[half]);
  }
  inline void rows(int64_t count) {
    for (count = std::min(count, left_), left_ -= count; count > 0; --count, out_ += step_, sums_ += 32) {
      __m512 low = _mm512_add_ps(_mm512_load_ps(sums_), bias_[0]), high = _mm512_add_ps(_mm512_load_ps(sums_ + 16), bias_[1]);
      if (!kPlain && accumulate_) {
        low = _mm512_add_ps(low, load16(out_, masks_[0]));
        high = _mm512_add_ps(high, load16(out_ + 16, masks_[1]));
      }
      if constexpr (std::is_same_v<T, bf16>) {
        store(low, high);
      } else {
        if (!kPlain && relu_) clip(low, high);
        store32(out_, masks_, low, high);
      }
    }
  }

 private:
  static void clip(__m512& low, __m512& high) {
    low = not_below(0, low);
    high = not_below(0, high);
  }
  inline void put(bf16* to, __mmask32 mask, __m512i y) {
    if (streams_) {
      _mm512_stream_si512(reinterpret_cast<__m512i*>(to), y);
    } else {
      _mm512_mask_storeu_epi16(to, mask, y);
      __builtin_prefetch(to + 32, 1);  // the next panel's line, before it is written
    }
  }
  inline void store(__m512 low, __m512 high) {
    const __mmask32 mask = masks_[0] | static_cast<__mmask32>(masks_[1]) << 16;
    if constexpr (kPlain) return put(out_, mask, (__m512i)_mm512_cvtne2ps_pbh(high, low));
    if (before_) {
      const __m512i x = _mm512_maskz_loadu_epi16(mask, before_);
      __builtin_prefetch(before_ + 32);  // the next panel's line
      if (gate_) {
        Floats32 at(x);
        low = _mm512_mul_ps(low, pass_gate<true>(*gate_, at.low));
        high = _mm512_mul_ps(high, pass_gate<true>(*gate_, at.high));
        if (activated_) put(activated_, mask, at.bf16());
      } else {
        const __mmask32 positive = _mm512_cmpgt_epi16_mask(x, _mm512_setzero_si512());
        low = _mm512_maskz_mov_ps(static_cast<__mmask16>(positive), low);
        high = _mm512_maskz_mov_ps(static_cast<__mmask16>(positive >> 16), high);
      }
      before_ += before_step_;
    } else if (relu_) {
      clip(low, high);
    }
    __m512i y = (__m512i)_mm512_cvtne2ps_pbh(high, low);
    if (gate_ && !before_) {
      Floats32 at(y);
      pass_gate<false>(*gate_, at.low);
      pass_gate<false>(*gate_, at.high);
      if (activated_) {
        put(activated_, mask, at.bf16());
      } else {
        y = at.bf16();
      }
    }
    put(out_, mask, y);
    if (activated_) activated_ += activated_step_;
  }

  const float* sums_;
  T* out_;
  bf16* activated_ = nullptr;
  const bf16* before_ = nullptr;
  const GateCoefficients* gate_ = nullptr;  // null: relu or none
  int64_t step_, activated_step_ = 0, before_step_ = 0, left_;
  __m512 bias_[2];
  __mmask16 masks_[2];
  bool accumulate_, relu_, streams_ = false;
};

}  // namespace qkv::cpu::QKV_TARGET_NAMESPACE
QKV_TARGET_END
