// Compares products of many shapes with sums in double, for the tests of all matrix products.
#pragma once

#include <cmath>
#include <ostream>
#include <utility>
#include <vector>

#include "base/philox.h"
#include "kernels/bf16.h"
#include "kernels/params.h"

namespace qkv::cpu {

struct Product {
  int64_t rows, columns, depth;
  bool transpose_a, transpose_b, packed, accumulate, bias;
  Activation activation;
  DType a_type = DType::f32, out_type = DType::f32;

  bool all_f32() const { return a_type == DType::f32 && out_type == DType::f32; }
};

// Values stored as `type`; `values` holds them after rounding.
struct Matrix {
  std::vector<float> values;
  std::vector<bf16> halves;

  Matrix(std::vector<float> of, DType type) : values(std::move(of)) {
    if (type == DType::f32) return;
    for (float& v : values) {
      halves.push_back(to_bf16(v));
      v = to_float(halves.back());
    }
  }
  View view(int64_t rows, int64_t columns) {
    if (halves.empty()) return {values.data(), rows, columns, columns, DType::f32};
    return {halves.data(), rows, columns, columns, DType::bf16};
  }
  float operator[](size_t i) const { return halves.empty() ? values[i] : to_float(halves[i]); }
};

inline std::vector<float> random_values(int64_t count, uint32_t stream) {
  RandomStream random(5, stream);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& v : values) v = random.normal();
  return values;
}

// The largest error of `matmul` relative to the largest value.
template <typename Pack, typename Run>
double error_of(const Product& t, Pack&& pack, Run&& run) {
  Matrix a(random_values(t.rows * t.depth, 1), t.a_type), b(random_values(t.depth * t.columns, 2), DType::f32);
  Matrix bias(random_values(t.columns, 3), DType::f32), out(random_values(t.rows * t.columns, 4), t.out_type);
  std::vector<float> expected(out.values.size());
  double largest = 0, error = 0;
  for (int64_t i = 0; i < t.rows; ++i) {
    for (int64_t j = 0; j < t.columns; ++j) {
      double sum = t.bias ? bias[j] : 0;
      for (int64_t k = 0; k < t.depth; ++k) {
        sum += static_cast<double>(t.transpose_a ? a[k * t.rows + i] : a[i * t.depth + k]) *
               (t.transpose_b ? b[j * t.depth + k] : b[k * t.columns + j]);
      }
      if (t.accumulate) sum += out[i * t.columns + j];
      if (t.activation == Activation::relu) sum = std::max(sum, 0.0);
      expected[i * t.columns + j] = static_cast<float>(sum);
      largest = std::max(largest, std::abs(sum));
    }
  }
  MatmulParams p;
  p.a = t.transpose_a ? a.view(t.depth, t.rows) : a.view(t.rows, t.depth);
  p.b = t.transpose_b ? b.view(t.columns, t.depth) : b.view(t.depth, t.columns);
  p.out = out.view(t.rows, t.columns);
  if (t.bias) p.bias = bias.view(1, t.columns);
  p.transpose_a = t.transpose_a;
  p.transpose_b = t.transpose_b;
  p.accumulate = t.accumulate;
  p.activation = t.activation;
  if (t.packed) p.packed_b = pack(p);
  run(p);
  for (size_t i = 0; i < expected.size(); ++i) error = std::max(error, std::abs(static_cast<double>(out[i]) - expected[i]));
  return error / largest;
}

inline std::vector<Product> products() {
  constexpr Activation none = Activation::none, relu = Activation::relu;
  constexpr DType f32 = DType::f32, bf16 = DType::bf16;
  return {{1, 1, 1, false, false, false, false, false, none},
          {5, 33, 17, false, true, true, false, true, relu},
          {128, 64, 64, false, true, true, false, true, none},
          {300, 48, 600, false, true, true, false, true, relu},
          {77, 200, 31, false, false, true, true, false, none},
          {256, 96, 40, false, false, false, false, false, none},
          {40, 70, 513, true, false, false, false, false, none},
          {300, 64, 256, true, false, false, true, false, none},
          {130, 20, 1, true, false, false, true, false, none},
          {20, 36, 2100, true, false, false, true, false, none},
          {20, 32, 1030, true, false, false, false, false, none},
          {77, 40, 70, false, false, false, false, false, none, f32, bf16},
          {200, 40, 70, false, true, true, true, false, none, f32, bf16},
          {130, 36, 300, true, false, false, true, false, none, f32, bf16},
          {77, 40, 70, false, true, true, false, true, relu, bf16, bf16},
          {200, 40, 70, false, false, false, true, false, none, bf16, f32},
          {130, 36, 600, true, false, false, true, false, none, bf16, bf16},
          {290, 72, 1700, false, true, true, false, true, relu, bf16, bf16},  // deeper than fits in tile registers
          {40, 48, 2010, false, false, false, true, false, none, bf16, f32},
          {64, 1100, 96, true, false, false, true, false, none, bf16, f32},
          {96, 64, 1500, true, false, false, false, false, none, bf16, f32}};
}

// Products of bf16 round the weight too, by half a unit of 8 bits.
inline double tolerance_of(const Product& t) { return t.all_f32() ? 3e-6 : 4e-3; }

inline std::ostream& operator<<(std::ostream& out, const Product& t) {
  return out << t.rows << " x " << t.columns << " x " << t.depth << ", " << name_of(t.a_type) << " to " << name_of(t.out_type);
}

}  // namespace qkv::cpu
