// Exponentials with the accuracy that bf16 needs, the reference they are relative to, and a logarithm, for 16 numbers at a time.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/cpu/vector/bf16_target.h"

QKV_BF16_BEGIN
namespace qkv::cpu {

inline constexpr float kLog2E = 1.44269504f;
// Up to here integers and what is added to them stay exact. Larger scores (times log2 e) are first made relative to the largest.
inline constexpr float kHuge = 1 << 20;

// The reference of the weights of 16 queries: 2^(c (score - base) - power). `power` is an integer: when a larger score appears, sums are
// rescaled by a power of two, and not at all while the maximum stays within the same one. `base` is zero except for huge scores.
struct Reference {
  __m512 base, power;

  Reference(__m512 largest, __m512 c) {
    const __m512 exponent = _mm512_mul_ps(largest, c);
    const __mmask16 huge = _mm512_cmp_ps_mask(_mm512_abs_ps(exponent), _mm512_set1_ps(kHuge), _CMP_GT_OQ);
    // -infinity: no key was seen yet.
    const __mmask16 none = _mm512_cmp_ps_mask(largest, _mm512_set1_ps(-INFINITY), _CMP_EQ_OQ);
    base = _mm512_maskz_mov_ps(huge & ~none, largest);
    power = _mm512_maskz_roundscale_ps(static_cast<__mmask16>(~huge & ~none), exponent, 0);
  }
  bool shifted() const { return _mm512_test_epi32_mask(_mm512_castps_si512(base), _mm512_castps_si512(base)) != 0; }
};

// Weights below 2^-100 relative to the reference are flushed to zero.
inline constexpr float kLeastPower = -100;

// 2^(c score - power) * factor, for 16 queries: c score - power in fixed point, with 23 bits of fraction, is the exponent of the result and
// the argument of a polynomial for its mantissa (degree 3, minimax in the relative error on [1, 2): 7.5e-5, where bf16 rounds at 2e-3).
class Exponential {
 public:
  Exponential(__m512 c, __m512 power, __m512 factor, __m512 least)
      : c_(_mm512_mul_ps(c, _mm512_set1_ps(kFixedOne))),
        shift_(_mm512_mul_ps(power, _mm512_set1_ps(-kFixedOne))),
        least_(least),
        c0_(_mm512_mul_ps(factor, _mm512_set1_ps(0.452134311f))),
        c1_(_mm512_mul_ps(factor, _mm512_set1_ps(0.477772797f))),
        c2_(_mm512_mul_ps(factor, _mm512_set1_ps(-0.00800641177f))),
        c3_(_mm512_mul_ps(factor, _mm512_set1_ps(0.0780245225f))) {}
  // With factor 1.
  Exponential(__m512 c, __m512 power)
      : Exponential(c, power, _mm512_set1_ps(1), _mm512_div_ps(_mm512_add_ps(power, _mm512_set1_ps(kLeastPower)), c)) {}

  // Masked scores give 0.
  __m512 value(__m512 score, __mmask16 seen = 0xffff) const {
    const __m512i fixed = _mm512_cvtps_epi32(_mm512_fmadd_ps(score, c_, shift_));
    const __m512i whole = _mm512_set1_epi32(static_cast<int>(0xff800000)), one = _mm512_set1_epi32(0x3f800000);
    const __m512 m = _mm512_castsi512_ps(_mm512_ternarylogic_epi32(fixed, whole, one, 0xBA));  // (fixed & ~whole) | one
    __m512 y = _mm512_fmadd_ps(m, c3_, c2_);
    y = _mm512_fmadd_ps(m, y, c1_);
    y = _mm512_fmadd_ps(m, y, c0_);
    return _mm512_castsi512_ps(_mm512_maskz_add_epi32(_mm512_mask_cmp_ps_mask(seen, score, least_, _CMP_NLT_UQ), _mm512_castps_si512(y),
                                                      _mm512_and_si512(fixed, whole)));
  }

 private:
  static constexpr float kFixedOne = 1 << 23;
  __m512 c_, shift_, least_, c0_, c1_, c2_, c3_;
};

// 2^(c score - power) in bf16, two vectors at a time. c score - power + 127 in fixed point with 8 bits of fraction f, halved, is a bf16
// whose mantissa is too large by 1 + f - 2^f: up to 23 units of 256, looked up by f's upper 6 bits. Bound by the two vector ports: 8
// operations for 32 weights and 4 for their sum, where Exponential and rounding take 17. Errors of 0.19 % (root mean square; at most 0.56
// %), where rounding to bf16 alone makes 0.17 (0.39); the backward makes the same weights again.
class WeightExponential {
 public:
  WeightExponential() = default;
  WeightExponential(__m512 c, __m512 power, __m512 least)
      : c_(c), shift_(_mm512_sub_ps(_mm512_set1_ps(kUnits + 127), power)), least_(least) {}
  WeightExponential(__m512 c, __m512 power)
      : WeightExponential(c, power, _mm512_div_ps(_mm512_add_ps(power, _mm512_set1_ps(kLeastPower)), c)) {}

  // The fixed point number in the lower half of each lane; masked scores give 0, a weight of -0. kSure: no score is masked or below
  // `least`.
  template <bool kSure>
  inline __attribute__((always_inline)) __m512i fixed(__m512 score, __mmask16 seen) const {
    if constexpr (kSure) return _mm512_castps_si512(_mm512_fmadd_ps(score, c_, shift_));
    return _mm512_castps_si512(_mm512_maskz_fmadd_ps(_mm512_mask_cmp_ps_mask(seen, score, least_, _CMP_NLT_UQ), score, c_, shift_));
  }
  // The weights of two such vectors, interleaved.
  static inline __attribute__((always_inline)) __m512i pairs(__m512i a, __m512i b) {
    const __m512i both = _mm512_mask_alignr_epi8(a, 0xCCCCCCCCCCCCCCCC, b, b, 14);
    const __m512i excess = _mm512_maskz_permutexvar_epi8(0x5555555555555555, _mm512_srli_epi16(both, 2), _mm512_load_si512(kExcess));
    return _mm512_avg_epu16(_mm512_sub_epi16(both, excess), _mm512_setzero_si512());
  }

 private:
  // From here to 2^16 the last place of a float is 2^-8, so that its lower half is the fixed point number that was added.
  static constexpr float kUnits = 49152;
  // Minimizes the largest error over all four values of f's last bits. A common factor of 1.002 does not count because it divides out with
  // the sum.
  alignas(64) static constexpr uint8_t kExcess[64] = {
      1,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 15, 16, 17, 18, 18, 19, 19, 20, 21, 21, 21, 22, 22, 22, 23, 23, 23, 23,
      23, 23, 23, 23, 23, 23, 23, 23, 22, 22, 22, 21, 21, 20, 20, 19, 18, 18, 17, 16, 16, 14, 14, 12, 12, 10, 9,  8,  7,  6,  4,  2};
  __m512 c_, shift_, least_;
};

inline __m512 power_of_two(__m512 x) { return Exponential(_mm512_set1_ps(1), _mm512_setzero_ps()).value(x); }

inline __m512 logarithm(__m512 x) {
  const __m512 m = _mm512_getmant_ps(x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_src);
  const __m512 exponent = _mm512_getexp_ps(_mm512_div_ps(x, m));
  // log m = 2 artanh((m - 1) / (m + 1)), the argument below 0.2.
  const __m512 one = _mm512_set1_ps(1), t = _mm512_div_ps(_mm512_sub_ps(m, one), _mm512_add_ps(m, one)), u = _mm512_mul_ps(t, t);
  __m512 y = _mm512_fmadd_ps(u, _mm512_set1_ps(2.0f / 9), _mm512_set1_ps(2.0f / 7));
  y = _mm512_fmadd_ps(u, y, _mm512_set1_ps(2.0f / 5));
  y = _mm512_fmadd_ps(u, y, _mm512_set1_ps(2.0f / 3));
  y = _mm512_fmadd_ps(u, y, _mm512_set1_ps(2));
  const __mmask16 zero = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_EQ_OQ);
  return _mm512_mask_mov_ps(_mm512_fmadd_ps(exponent, _mm512_set1_ps(0.69314718f), _mm512_mul_ps(t, y)), zero, _mm512_set1_ps(-INFINITY));
}

}  // namespace qkv::cpu
QKV_BF16_END
