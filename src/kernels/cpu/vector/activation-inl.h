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

HWY_INLINE Vec Constant(float x) { return hn::Set(F32(), x); }
// By the exponential of a negative number: that of a large positive one is none.
HWY_INLINE Vec Sigmoid(Vec x) {
  const Vec e = hn::Exp(F32(), hn::Neg(hn::Abs(x)));
  return hn::Div(hn::IfThenElse(hn::Lt(x, hn::Zero(F32())), e, Constant(1)), hn::Add(Constant(1), e));
}

inline constexpr float kSqrtHalf = 0.70710678118f, kSqrtTwoOverPi = 0.79788456080f, kInverseSqrtTwoPi = 0.39894228040f,
                       kGeluCubic = 0.044715f;

// 1 / x to about the last place: an estimate and a step of Newton's take a quarter of a division's time on AVX-512.
HWY_INLINE Vec Reciprocal(Vec x) {
  const Vec estimate = hn::ApproximateReciprocal(x);
  return hn::Mul(estimate, hn::NegMulAdd(x, estimate, Constant(2)));
}

// The standard normal distribution: of Gaussian error functions that of Abramowitz and Stegun 1964, 7.1.26, absolute error below 1.5e-7.
// Both parts need the same exponential, of which GELU's two directions have one each.
struct Normal {
  Vec cumulative, density;
};
HWY_INLINE Normal NormalDistribution(Vec x) {
  const Vec e = ExpOfNegative(hn::Mul(Constant(-0.5f), hn::Mul(x, x)));
  const Vec t = Reciprocal(hn::MulAdd(Constant(0.3275911f * kSqrtHalf), hn::Abs(x), Constant(1)));
  Vec polynomial = Constant(0.5f * 1.061405429f);
  for (const float c : {-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f})
    polynomial = hn::MulAdd(polynomial, t, Constant(0.5f * c));
  const Vec tail = hn::Mul(hn::Mul(polynomial, t), e);
  return {hn::IfThenElse(hn::Lt(x, hn::Zero(F32())), tail, hn::Sub(Constant(1), tail)), hn::Mul(Constant(kInverseSqrtTwoPi), e)};
}

HWY_INLINE Vec GeluTanhArgument(Vec x) {
  return hn::Mul(Constant(kSqrtTwoOverPi), hn::MulAdd(hn::Mul(hn::Mul(x, x), x), Constant(kGeluCubic), x));
}

HWY_INLINE Vec Activate(Activation activation, Vec x) {
  switch (activation) {
    case Activation::relu: return Relu(x);
    case Activation::gelu: return hn::Mul(x, NormalDistribution(x).cumulative);
    case Activation::gelu_tanh: return hn::Mul(hn::Mul(Constant(0.5f), x), hn::Add(Constant(1), hn::Tanh(F32(), GeluTanhArgument(x))));
    case Activation::silu: return hn::Mul(x, Sigmoid(x));
    case Activation::sigmoid: return Sigmoid(x);
    case Activation::tanh: return hn::Tanh(F32(), x);
    default: return x;
  }
}

HWY_INLINE Vec ActivationSlope(Activation activation, Vec x) {
  const F32 d;
  switch (activation) {
    case Activation::relu: return hn::IfThenElseZero(hn::Gt(x, hn::Zero(d)), Constant(1));
    case Activation::gelu: {
      const Normal normal = NormalDistribution(x);
      return hn::MulAdd(x, normal.density, normal.cumulative);
    }
    case Activation::gelu_tanh: {
      const Vec t = hn::Tanh(d, GeluTanhArgument(x));
      const Vec inner = hn::Mul(Constant(kSqrtTwoOverPi), hn::MulAdd(hn::Mul(x, x), Constant(3 * kGeluCubic), Constant(1)));
      const Vec rest = hn::Mul(hn::Mul(Constant(0.5f), x), hn::Mul(hn::NegMulAdd(t, t, Constant(1)), inner));
      // Beyond, the squares of some leave the range of floats.
      return hn::MulAdd(Constant(0.5f), hn::Add(Constant(1), t), hn::IfThenZeroElse(hn::Gt(hn::Abs(x), Constant(20)), rest));
    }
    case Activation::silu: {
      const Vec s = Sigmoid(x);
      return hn::Mul(s, hn::MulAdd(x, hn::Sub(Constant(1), s), Constant(1)));
    }
    case Activation::sigmoid: {
      const Vec s = Sigmoid(x);
      return hn::NegMulAdd(s, s, s);
    }
    case Activation::tanh: {
      const Vec t = hn::Tanh(d, x);
      return hn::NegMulAdd(t, t, Constant(1));
    }
    default: return Constant(1);
  }
}

// Both at once.
struct ActivationPoint {
  Vec value, slope;
};
HWY_INLINE ActivationPoint ActivateWithSlope(Activation activation, Vec x) {
  if (activation != Activation::gelu) return {Activate(activation, x), ActivationSlope(activation, x)};
  const Normal normal = NormalDistribution(x);
  return {hn::Mul(x, normal.cumulative), hn::MulAdd(x, normal.density, normal.cumulative)};
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
