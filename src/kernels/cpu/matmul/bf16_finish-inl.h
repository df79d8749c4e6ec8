// The end of a product for a block of sums: bias, activation, accumulation and the output's type, while they are in the L1 cache.
// Included by a file that defines QKV_TARGET_NAMESPACE (bf16_pack-inl.h).
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

// Activations x g(x) whose g - 1/2 is odd: g(x) = 1/2 + x P(t) and the slope 1/2 + x Q(t), t = 2 (x / kReach)^2 - 1, P and Q minimax with
// g = 0 and 1 from there on. Errors below 2.3e-5 and 7.3e-5, where bf16 rounds 1 by 2e-3: 14 and 10 instructions more, in place of the
// exponential's and the division's 40.
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
// In this order a NaN stays one.
inline __m512 not_below(float least, __m512 x) { return _mm512_max_ps(_mm512_set1_ps(least), x); }
inline __m512 not_above(float most, __m512 x) { return _mm512_min_ps(_mm512_set1_ps(most), x); }

// x becomes the activation there; the result is its slope, where it is wanted.
template <bool kSlope>
inline __m512 pass_gate(const GateCoefficients& gate, __m512& x) {
  const __m512 reached = not_below(-kReach, x), inside = not_above(kReach, reached);
  const __m512 t = _mm512_fmsub_ps(_mm512_mul_ps(inside, inside), _mm512_set1_ps(2 / (kReach * kReach)), _mm512_set1_ps(1));
  x = _mm512_mul_ps(reached, half_and_odd(gate.value, inside, t));
  if constexpr (kSlope) return half_and_odd(gate.slope, inside, t);
  return x;
}

// 32 bf16 as two vectors of floats, and back.
struct Floats32 {
  __m512 low, high;
  explicit Floats32(__m512i x) : low(widen(_mm512_castsi512_si256(x))), high(widen(_mm512_extracti64x4_epi64(x, 1))) {}
  static __m512 widen(__m256i x) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16)); }
  __m512i bf16() const { return (__m512i)_mm512_cvtne2ps_pbh(high, low); }
};

// Outputs of more bytes go straight to memory: they are out of the cache before they are read, and their old content need not be fetched
// (gpt 20,500 -> 21,800 tok/s; at 32 MiB 21,000; outputs of 1 to 8 MiB too: encdec and tiny lose 1 %).
constexpr int64_t kLarge = int64_t{10} << 20;

// Ends rows of a block; T is the output's type. kPlain: with nothing but a bias, if that: sixteen operations for 32 outputs.
template <typename T, bool kPlain>
struct Finish {
  Finish(const MatmulParams& p, const BlockEnd& end) : sums(end.sums), step(p.out.stride), left(end.rows), accumulate(p.accumulate) {
    masks[0] = first16(p.out.cols - end.column);
    masks[1] = first16(p.out.cols - end.column - 16);
    out = p.out.row<T>(end.row) + end.column;
    relu = p.activation == Activation::relu && !p.accumulate;
    if constexpr (std::is_same_v<T, bf16>) {
      if (p.activated) activated = p.activated.row<bf16>(end.row) + end.column;
      if (p.before) before = p.before.row<const bf16>(end.row) + end.column;
      const auto lines = [](const void* at, int64_t its_step) { return reinterpret_cast<uintptr_t>(at) % 64 == 0 && its_step % 32 == 0; };
      streams = !p.accumulate && p.out.rows * p.out.cols * 2 >= kLarge && p.out.cols - end.column >= 32 && lines(out, step) &&
                (!activated || lines(activated, p.activated.stride));
      activated_step = p.activated.stride;
      before_step = p.before.stride;
      if (!p.accumulate && p.activation > Activation::relu) gate = p.activation == Activation::gelu ? &kGelu : &kGeluTanh;
    }
    bias[0] = bias[1] = _mm512_setzero_ps();
    for (int half = 0; p.bias && left > 0 && half < 2; ++half)
      bias[half] = load16(p.bias.as<const float>() + end.column + 16 * half, masks[half]);
  }
  inline void rows(int64_t count) {
    for (count = std::min(count, left), left -= count; count > 0; --count, out += step, sums += 32) {
      __m512 low = _mm512_add_ps(_mm512_load_ps(sums), bias[0]), high = _mm512_add_ps(_mm512_load_ps(sums + 16), bias[1]);
      if (!kPlain && accumulate) {
        low = _mm512_add_ps(low, load16(out, masks[0]));
        high = _mm512_add_ps(high, load16(out + 16, masks[1]));
      }
      if constexpr (std::is_same_v<T, bf16>) {
        store(low, high);
      } else {
        if (!kPlain && relu) clip(low, high);
        store32(out, masks, low, high);
      }
    }
  }

 private:
  static void clip(__m512& low, __m512& high) {
    low = not_below(0, low);
    high = not_below(0, high);
  }
  inline void put(bf16* to, __mmask32 mask, __m512i y) {
    if (streams) {
      _mm512_stream_si512(reinterpret_cast<__m512i*>(to), y);
    } else {
      _mm512_mask_storeu_epi16(to, mask, y);
      __builtin_prefetch(to + 32, 1);  // the next panel's, so that its line is here before it is written
    }
  }
  inline void store(__m512 low, __m512 high) {
    const __mmask32 mask = masks[0] | static_cast<__mmask32>(masks[1]) << 16;
    if constexpr (kPlain) return put(out, mask, (__m512i)_mm512_cvtne2ps_pbh(high, low));
    if (before) {
      const __m512i x = _mm512_maskz_loadu_epi16(mask, before);
      __builtin_prefetch(before + 32);  // the next panel's
      if (gate) {
        Floats32 at(x);
        low = _mm512_mul_ps(low, pass_gate<true>(*gate, at.low));
        high = _mm512_mul_ps(high, pass_gate<true>(*gate, at.high));
        if (activated) put(activated, mask, at.bf16());
      } else {
        const __mmask32 positive = _mm512_cmpgt_epi16_mask(x, _mm512_setzero_si512());
        low = _mm512_maskz_mov_ps(static_cast<__mmask16>(positive), low);
        high = _mm512_maskz_mov_ps(static_cast<__mmask16>(positive >> 16), high);
      }
      before += before_step;
    } else if (relu) {
      clip(low, high);
    }
    __m512i y = (__m512i)_mm512_cvtne2ps_pbh(high, low);
    if (gate && !before) {
      Floats32 at(y);
      pass_gate<false>(*gate, at.low);
      pass_gate<false>(*gate, at.high);
      if (activated) {
        put(activated, mask, at.bf16());
      } else {
        y = at.bf16();
      }
    }
    put(out, mask, y);
    if (activated) activated += activated_step;
  }

  const float* sums;
  T* out;
  bf16* activated = nullptr;
  const bf16* before = nullptr;
  const GateCoefficients* gate = nullptr;  // null: relu or none
  int64_t step, activated_step = 0, before_step = 0, left;
  __m512 bias[2];
  __mmask16 masks[2];
  bool accumulate, relu, streams = false;
};

}  // namespace qkv::cpu::QKV_TARGET_NAMESPACE
QKV_TARGET_END
