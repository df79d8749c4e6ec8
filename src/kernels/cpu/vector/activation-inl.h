// Activations and their slopes on vectors. exp and tanh come from Highway's math library (errors of a few units in the last place).
#if defined(QKV_ACTIVATION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QKV_ACTIVATION_INL_H_
#undef QKV_ACTIVATION_INL_H_
#else
#define QKV_ACTIVATION_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>

#include "kernels/cpu/vector/simd-inl.h"
#include "kernels/params.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

HWY_INLINE Vec constant(float x) { return hn::Set(F32(), x); }
// Uses the exponential of a negative number only; that of a large positive one would overflow.
HWY_INLINE Vec sigmoid(Vec x) {
  const Vec e = hn::Exp(F32(), hn::Neg(hn::Abs(x)));
  return hn::Div(hn::IfThenElse(hn::Lt(x, hn::Zero(F32())), e, constant(1)), hn::Add(constant(1), e));
}

inline constexpr float kSqrtHalf = 0.70710678118f, kSqrtTwoOverPi = 0.79788456080f, kInverseSqrtTwoPi = 0.39894228040f,
                       kGeluCubic = 0.044715f;

// 1 / x to about the last place: an estimate and one Newton step take a quarter of a division's time on AVX-512.
HWY_INLINE Vec reciprocal(Vec x) {
  const Vec estimate = hn::ApproximateReciprocal(x);
  return hn::Mul(estimate, hn::NegMulAdd(x, estimate, constant(2)));
}

// The standard normal distribution by the error function of Abramowitz and Stegun 1964, 7.1.26, absolute error below 1.5e-7. The cumulative
// distribution and the density share an exponential; GELU's forward needs the first, its backward both.
struct Normal {
  Vec cumulative, density;
};
HWY_INLINE Normal normal_distribution(Vec x) {
  const Vec e = exp_of_negative(hn::Mul(constant(-0.5f), hn::Mul(x, x)));
  const Vec t = reciprocal(hn::MulAdd(constant(0.3275911f * kSqrtHalf), hn::Abs(x), constant(1)));
  Vec polynomial = constant(0.5f * 1.061405429f);
  for (const float c : {-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f})
    polynomial = hn::MulAdd(polynomial, t, constant(0.5f * c));
  const Vec tail = hn::Mul(hn::Mul(polynomial, t), e);
  return {hn::IfThenElse(hn::Lt(x, hn::Zero(F32())), tail, hn::Sub(constant(1), tail)), hn::Mul(constant(kInverseSqrtTwoPi), e)};
}

HWY_INLINE Vec gelu_tanh_argument(Vec x) {
  return hn::Mul(constant(kSqrtTwoOverPi), hn::MulAdd(hn::Mul(hn::Mul(x, x), x), constant(kGeluCubic), x));
}

HWY_INLINE Vec activate(Activation activation, Vec x) {
  switch (activation) {
    case Activation::relu: return relu(x);
    case Activation::gelu: return hn::Mul(x, normal_distribution(x).cumulative);
    case Activation::gelu_tanh: return hn::Mul(hn::Mul(constant(0.5f), x), hn::Add(constant(1), hn::Tanh(F32(), gelu_tanh_argument(x))));
    case Activation::silu: return hn::Mul(x, sigmoid(x));
    case Activation::sigmoid: return sigmoid(x);
    case Activation::tanh: return hn::Tanh(F32(), x);
    default: return x;
  }
}

HWY_INLINE Vec activation_slope(Activation activation, Vec x) {
  const F32 d;
  switch (activation) {
    case Activation::relu: return hn::IfThenElseZero(hn::Gt(x, hn::Zero(d)), constant(1));
    case Activation::gelu: {
      const Normal normal = normal_distribution(x);
      return hn::MulAdd(x, normal.density, normal.cumulative);
    }
    case Activation::gelu_tanh: {
      const Vec t = hn::Tanh(d, gelu_tanh_argument(x));
      const Vec inner = hn::Mul(constant(kSqrtTwoOverPi), hn::MulAdd(hn::Mul(x, x), constant(3 * kGeluCubic), constant(1)));
      const Vec rest = hn::Mul(hn::Mul(constant(0.5f), x), hn::Mul(hn::NegMulAdd(t, t, constant(1)), inner));
      // Beyond 20, squares may overflow.
      return hn::MulAdd(constant(0.5f), hn::Add(constant(1), t), hn::IfThenZeroElse(hn::Gt(hn::Abs(x), constant(20)), rest));
    }
    case Activation::silu: {
      const Vec s = sigmoid(x);
      return hn::Mul(s, hn::MulAdd(x, hn::Sub(constant(1), s), constant(1)));
    }
    case Activation::sigmoid: {
      const Vec s = sigmoid(x);
      return hn::NegMulAdd(s, s, s);
    }
    case Activation::tanh: {
      const Vec t = hn::Tanh(d, x);
      return hn::NegMulAdd(t, t, constant(1));
    }
    default: return constant(1);
  }
}

// An activation and its slope.
struct ActivationPoint {
  Vec value, slope;
};
HWY_INLINE ActivationPoint activate_with_slope(Activation activation, Vec x) {
  if (activation != Activation::gelu) return {activate(activation, x), activation_slope(activation, x)};
  const Normal normal = normal_distribution(x);
  return {hn::Mul(x, normal.cumulative), hn::MulAdd(x, normal.density, normal.cumulative)};
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
