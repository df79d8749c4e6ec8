// The gates of GELU for products in bf16: gelu(x) = x g(x) with g(x) = (1 + erf(x / sqrt 2)) / 2 or its form with tanh (Hendrycks and
// Gimpel 2016, section 2), as a parabola on each of 31 intervals. Computed by the compiler; includes no code for a special instruction set.
#pragma once

namespace qkv::cpu {

constexpr double exponential(double x) {
  double sum = 1, term = 1;
  for (int n = 1; n < 100; ++n) sum += term *= (x < 0 ? -x : x) / n;
  return x < 0 ? 1 / sum : sum;
}

// 1/2 + phi(x) (x + x^3 / 3 + x^5 / (3 5) + ...), phi the density of the normal distribution (Abramowitz and Stegun 26.2.11).
constexpr double erf_gate(double x) {
  double sum = 0, term = x;
  for (int n = 3; n < 200; n += 2) {
    sum += term;
    term *= x * x / n;
  }
  return 0.5 + 0.3989422804014327 * exponential(-x * x / 2) * sum;
}
constexpr double tanh_gate(double x) { return 1 / (1 + exponential(-2 * 0.7978845608028654 * (x + 0.044715 * x * x * x))); }

inline constexpr float kGateReach = 4.5f;                        // beyond it g is 0 or 1
inline constexpr float kIntervalsPerUnit = 15.25f / kGateReach;  // so that the number of x's interval is x times this, rounded: -15 to 15

// g(x) is near c[0] + c[1] d + c[2] d^2 at [k mod 32], where k is x's interval and d in [-1/2, 1/2] x's place in it. x g(x) is off by less
// than 5e-5; bf16 rounds 0.02 by as much.
struct GateTable {
  alignas(64) float c[3][32] = {};
};
constexpr GateTable gate_table(double (*gate)(double)) {
  GateTable table;
  for (int k = -14; k <= 14; ++k) {
    constexpr double node = 0.4330127018922193;  // of the Chebyshev polynomial of degree 3
    const double below = gate((k - node) / kIntervalsPerUnit), here = gate(k / kIntervalsPerUnit),
                 above = gate((k + node) / kIntervalsPerUnit);
    table.c[0][k & 31] = static_cast<float>(here);
    table.c[1][k & 31] = static_cast<float>((above - below) / (2 * node));
    table.c[2][k & 31] = static_cast<float>((above - 2 * here + below) / (2 * node * node));
  }
  table.c[0][15] = 1;  // the last intervals are constant, so that no x needs another test
  return table;
}
inline constexpr GateTable kErfGate = gate_table(erf_gate), kTanhGate = gate_table(tanh_gate);

}  // namespace qkv::cpu
