// The formulas of recurrent cells on vectors of units (sequence_params.h), forward and backward.
#if defined(QKV_RECURRENT_CELL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QKV_RECURRENT_CELL_INL_H_
#undef QKV_RECURRENT_CELL_INL_H_
#else
#define QKV_RECURRENT_CELL_INL_H_
#endif

#include "kernels/cpu/vector/activation-inl.h"
#include "kernels/sequence_params.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

// 1 / (1 + e^-x) from e^-|x|, relative error 3e-7. NaN stays NaN.
HWY_INLINE Vec gate_sigmoid(Vec x) {
  const Vec e = exp_of_negative(hn::Neg(hn::Abs(x))), inverse = reciprocal(hn::Add(constant(1), e));
  return hn::IfThenElse(hn::Lt(x, hn::Zero(F32())), hn::Mul(e, inverse), inverse);
}

// tanh, relative error 3e-7: near 0 the polynomial of Cephes' tanhf (Moshier 1992), elsewhere from e^-2|x|. NaN stays NaN.
HWY_INLINE Vec gate_tanh(Vec x) {
  const Vec size = hn::Abs(x), square = hn::Mul(x, x), e = exp_of_negative(hn::Mul(constant(-2), size));
  const Vec far = hn::CopySign(hn::Mul(hn::Sub(constant(1), e), reciprocal(hn::Add(constant(1), e))), x);
  Vec near = constant(-5.70498872745e-3f);
  for (const float c : {2.06390887954e-2f, -5.37397155531e-2f, 1.33314422036e-1f, -3.33332819422e-1f})
    near = hn::MulAdd(near, square, constant(c));
  near = hn::MulAdd(hn::Mul(near, square), x, x);
  return hn::IfThenElse(hn::Lt(size, constant(0.625f)), near, far);
}

// x and h are the sums W_ih x + b_ih and W_hh h + b_hh of a unit's gates.
struct CellValues {
  Vec gates[4], memory, out;
};
template <RecurrentCell kCell>
HWY_INLINE CellValues cell_forward(const Vec* x, const Vec* h, Vec h_before, Vec c_before) {
  CellValues y;
  if constexpr (kCell == RecurrentCell::tanh) {
    y.out = y.gates[0] = gate_tanh(hn::Add(x[0], h[0]));
  } else if constexpr (kCell == RecurrentCell::gru) {
    const Vec r = gate_sigmoid(hn::Add(x[0], h[0])), z = gate_sigmoid(hn::Add(x[1], h[1])), n = gate_tanh(hn::MulAdd(r, h[2], x[2]));
    y.gates[0] = r, y.gates[1] = z, y.gates[2] = n;
    y.memory = h[2];
    y.out = hn::MulAdd(z, hn::Sub(h_before, n), n);
  } else {
    const Vec i = gate_sigmoid(hn::Add(x[0], h[0])), f = gate_sigmoid(hn::Add(x[1], h[1])), g = gate_tanh(hn::Add(x[2], h[2])),
              o = gate_sigmoid(hn::Add(x[3], h[3]));
    y.gates[0] = i, y.gates[1] = f, y.gates[2] = g, y.gates[3] = o;
    y.memory = hn::MulAdd(f, c_before, hn::Mul(i, g));
    y.out = hn::Mul(o, gate_tanh(y.memory));
  }
  return y;
}

// Gradients of a unit's sums. carry, from the next step to the previous one: the gradient of c for lstm; for gru the part of the gradient
// of h that bypasses W_hh.
struct CellGradients {
  Vec gates[4], hidden_gate, carry;  // hidden_gate: for gru, the gradient of row n of W_hh h + b_hh
};
template <RecurrentCell kCell>
HWY_INLINE CellGradients cell_backward(const Vec* v, Vec memory, Vec h_before, Vec c_before, Vec dh, Vec carry) {
  const Vec one = constant(1);
  const auto times_sigmoid_slope = [&](Vec x, Vec s) HWY_ATTR { return hn::Mul(x, hn::NegMulAdd(s, s, s)); };
  const auto times_tanh_slope = [&](Vec x, Vec t) HWY_ATTR { return hn::Mul(x, hn::NegMulAdd(t, t, one)); };
  CellGradients g;
  if constexpr (kCell == RecurrentCell::tanh) {
    g.gates[0] = times_tanh_slope(dh, v[0]);
  } else if constexpr (kCell == RecurrentCell::gru) {
    const Vec dn = times_tanh_slope(hn::NegMulAdd(dh, v[1], dh), v[2]);
    g.gates[0] = times_sigmoid_slope(hn::Mul(dn, memory), v[0]);
    g.gates[1] = times_sigmoid_slope(hn::Mul(dh, hn::Sub(h_before, v[2])), v[1]);
    g.gates[2] = dn;
    g.hidden_gate = hn::Mul(dn, v[0]);
    g.carry = hn::Mul(dh, v[1]);
  } else {
    const Vec t = gate_tanh(memory), dc = hn::Add(carry, times_tanh_slope(hn::Mul(dh, v[3]), t));
    g.gates[0] = times_sigmoid_slope(hn::Mul(dc, v[2]), v[0]);
    g.gates[1] = times_sigmoid_slope(hn::Mul(dc, c_before), v[1]);
    g.gates[2] = times_tanh_slope(hn::Mul(dc, v[0]), v[2]);
    g.gates[3] = times_sigmoid_slope(hn::Mul(dh, t), v[3]);
    g.carry = hn::Mul(dc, v[1]);
  }
  return g;
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
