// Activations and their slopes on vectors. exp and tanh come from Highway's math library (errors of a few units in the last place).
#if defined(QKV_ACTIVATION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QKV_ACTIVATION_INL_H_
#undef QKV_ACTIVATION_INL_H_
#else
#define QKV_ACTIVATION_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>

#include "kernels/cpu/simd-inl.h"
#include "kernels/params.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

HWY_INLINE Vec Constant(float x) { return hn::Set(F32(), x); }
HWY_INLINE Vec Sigmoid(Vec x) { return hn::Div(Constant(1), hn::Add(Constant(1), hn::Exp(F32(), hn::Neg(x)))); }

// erfc(|x|) e^(x^2)-free form for the Gaussian error function: Abramowitz and Stegun 1964, 7.1.26, absolute error below 1.5e-7.
HWY_INLINE Vec Erf(Vec x) {
  const F32 d;
  const Vec absolute = hn::Abs(x);
  const Vec t = hn::Div(Constant(1), hn::MulAdd(Constant(0.3275911f), absolute, Constant(1)));
  Vec polynomial = Constant(1.061405429f);
  for (const float c : {-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f}) polynomial = hn::MulAdd(polynomial, t, Constant(c));
  const Vec tail = hn::Mul(hn::Mul(polynomial, t), hn::Exp(d, hn::Neg(hn::Mul(x, x))));
  return hn::CopySign(hn::Sub(Constant(1), tail), x);
}

inline constexpr float kSqrtHalf = 0.70710678118f, kSqrtTwoOverPi = 0.79788456080f, kInverseSqrtTwoPi = 0.39894228040f,
                       kGeluCubic = 0.044715f;

HWY_INLINE Vec GeluTanhArgument(Vec x) {
  return hn::Mul(Constant(kSqrtTwoOverPi), hn::MulAdd(hn::Mul(hn::Mul(x, x), x), Constant(kGeluCubic), x));
}

HWY_INLINE Vec Activate(Activation activation, Vec x) {
  switch (activation) {
    case Activation::relu: return hn::Max(hn::Zero(F32()), x);  // in this order a NaN stays one
    case Activation::gelu: return hn::Mul(hn::Mul(Constant(0.5f), x), hn::Add(Constant(1), Erf(hn::Mul(x, Constant(kSqrtHalf)))));
    case Activation::gelu_tanh: return hn::Mul(hn::Mul(Constant(0.5f), x), hn::Add(Constant(1), hn::Tanh(F32(), GeluTanhArgument(x))));
    case Activation::silu: return hn::Mul(x, Sigmoid(x));
    default: return x;
  }
}

HWY_INLINE Vec ActivationSlope(Activation activation, Vec x) {
  const F32 d;
  switch (activation) {
    case Activation::relu: return hn::IfThenElseZero(hn::Gt(x, hn::Zero(d)), Constant(1));
    case Activation::gelu: {
      const Vec cumulative = hn::Mul(Constant(0.5f), hn::Add(Constant(1), Erf(hn::Mul(x, Constant(kSqrtHalf)))));
      const Vec density = hn::Mul(Constant(kInverseSqrtTwoPi), hn::Exp(d, hn::Mul(Constant(-0.5f), hn::Mul(x, x))));
      return hn::MulAdd(x, density, cumulative);
    }
    case Activation::gelu_tanh: {
      const Vec t = hn::Tanh(d, GeluTanhArgument(x));
      const Vec inner = hn::Mul(Constant(kSqrtTwoOverPi), hn::MulAdd(hn::Mul(x, x), Constant(3 * kGeluCubic), Constant(1)));
      const Vec slope = hn::Mul(hn::Mul(Constant(0.5f), x), hn::Mul(hn::NegMulAdd(t, t, Constant(1)), inner));
      return hn::MulAdd(Constant(0.5f), hn::Add(Constant(1), t), slope);
    }
    case Activation::silu: {
      const Vec s = Sigmoid(x);
      return hn::Mul(s, hn::MulAdd(x, hn::Sub(Constant(1), s), Constant(1)));
    }
    default: return Constant(1);
  }
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
