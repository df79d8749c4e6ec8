// The matrix product against double sums, on each instruction set that this machine has.
#include <gtest/gtest.h>

#include <cmath>
#include <ostream>
#include <utility>
#include <vector>

#include "base/philox.h"
#include "kernels/bf16.h"
#include "kernels/cpu/cpu.h"
#include "kernels/reference/reference.h"

namespace qkv::cpu {
namespace {

struct Product {
  int64_t rows, columns, depth;
  bool transpose_a, transpose_b, packed, accumulate, bias;
  Activation activation;
  DType a_type = DType::f32, out_type = DType::f32;

  bool all_f32() const { return a_type == DType::f32 && out_type == DType::f32; }
};

// Values stored as `type`; `values` keep what the type holds.
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

std::vector<float> random_values(int64_t count, uint32_t stream) {
  RandomStream random(5, stream);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& v : values) v = random.normal();
  return values;
}

// Largest error of `matmul` over the largest value.
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

std::vector<Product> products() {
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
          {290, 72, 1700, false, true, true, false, true, relu, bf16, bf16},  // deeper than what stays in tile registers
          {40, 48, 2010, false, false, false, true, false, none, bf16, f32},
          {64, 1100, 96, true, false, false, true, false, none, bf16, f32},
          {96, 64, 1500, true, false, false, false, false, none, bf16, f32}};
}

// Products of bf16 round the weight too, by half a unit of 8 bits.
double tolerance_of(const Product& t) { return t.all_f32() ? 3e-6 : 4e-3; }

std::ostream& operator<<(std::ostream& out, const Product& t) {
  return out << t.rows << " x " << t.columns << " x " << t.depth << ", " << name_of(t.a_type) << " to " << name_of(t.out_type);
}

TEST(Matmul, EqualsDoubleSumsOnEachInstructionSet) {
  const Isa before = current_isa();
  for (const Isa isa : available_isas()) {
    set_isa(isa);
    for (const Product& t : products()) {
      std::vector<float> data;
      const auto pack_b = [&](const MatmulParams& p) {
        const PackedLayout layout = packed_layout(t.depth, t.columns, t.a_type);
        data.resize(static_cast<size_t>(layout.bytes() / 4 + 1));
        pack(p.b, p.transpose_b, layout, data.data());
        return PackedMatrix{layout, data.data()};
      };
      EXPECT_LT(error_of(t, pack_b, [](const MatmulParams& p) { matmul(p); }), tolerance_of(t)) << t << " on " << name_of(isa);
    }
  }
  set_isa(before);
}

void expect_rows_alone_equal_rows_among_neighbours(DType type) {
  Matrix a(random_values(150 * 300, 1), type), b(random_values(300 * 40, 2), DType::f32);
  std::vector<float> together(150 * 40);
  MatmulParams p;
  p.b = b.view(300, 40);
  p.a = a.view(150, 300);
  p.out = {together.data(), 150, 40, 40, DType::f32};
  matmul(p);
  for (const int64_t rows : {1, 3, 50}) {
    std::vector<float> alone(static_cast<size_t>(rows * 40));
    for (int64_t r = 0; r < 150; r += rows) {
      p.a = a.view(150, 300).rows_from(r, rows);
      p.out = {alone.data(), rows, 40, 40, DType::f32};
      matmul(p);
      ASSERT_EQ(alone, std::vector<float>(together.begin() + r * 40, together.begin() + (r + rows) * 40))
          << rows << " rows from " << r << " in " << name_of(type) << " on " << name_of(current_isa());
    }
  }
}

TEST(Matmul, ARowIsTheSameAloneAndAmongNeighbours) {
  const Isa before = current_isa();
  for (const Isa isa : available_isas()) {
    set_isa(isa);
    for (const DType type : {DType::f32, DType::bf16}) expect_rows_alone_equal_rows_among_neighbours(type);
  }
  set_isa(before);
}

// A bias' gradient comes with its weight's.
TEST(Matmul, SumsOfColumnsComeWithTheProductOverRows) {
  for (const DType type : {DType::f32, DType::bf16}) {
    constexpr int64_t kTokens = 700, kRows = 75, kColumns = 40;
    Matrix a(random_values(kTokens * kRows, 1), type), b(random_values(kTokens * kColumns, 2), type);
    std::vector<float> out(kRows * kColumns), sums(kRows, 1.0f);
    MatmulParams p{.a = a.view(kTokens, kRows), .b = b.view(kTokens, kColumns), .out = {out.data(), kRows, kColumns, kColumns, DType::f32}};
    p.transpose_a = true;
    p.a_sums = {sums.data(), 1, kRows, kRows, DType::f32};
    for (const bool accumulate : {true, false}) {
      p.accumulate_a_sums = accumulate;
      if (!accumulate) std::fill(sums.begin(), sums.end(), 1e9f);
      matmul(p);
      for (int64_t c = 0; c < kRows; ++c) {
        double expected = accumulate ? 1 : 0;
        for (int64_t r = 0; r < kTokens; ++r) expected += a[static_cast<size_t>(r * kRows + c)];
        EXPECT_NEAR(sums[static_cast<size_t>(c)], expected, 1e-3) << "column " << c << " in " << name_of(type);
      }
    }
  }
}

// Forward and backward, of every number that bf16 has, against the formulas in double.
TEST(Matmul, ActivationsOfItsEndEqualTheFormulasForAllNumbers) {
  constexpr int64_t kNumbers = 1 << 16;
  std::vector<float> numbers;
  for (int64_t bits = 0; bits < kNumbers; ++bits) numbers.push_back(to_float(bf16{static_cast<uint16_t>(bits)}));
  Matrix x(numbers, DType::bf16), one({1}, DType::bf16), ones(std::vector<float>(kNumbers, 1), DType::f32),
      zeros(std::vector<float>(kNumbers, 0), DType::f32), bias(numbers, DType::f32), out(numbers, DType::bf16),
      activated(numbers, DType::bf16);
  const Isa before = current_isa();
  for (const Isa isa : available_isas()) {
    set_isa(isa);
    for (const Activation activation :
         {Activation::none, Activation::relu, Activation::gelu, Activation::gelu_tanh, Activation::silu, Activation::tanh}) {
      const auto expect = [&](float got, double wanted, double x, const char* what) {
        if (!std::isfinite(x) || (x != 0 && std::abs(x) < 0x1p-126)) return;  // subnormals are flushed by some
        ASSERT_NEAR(got, wanted, std::abs(wanted) * 0x1p-8 + 1e-4 * std::max(1.0, std::abs(wanted)))
            << what << " of activation " << static_cast<int>(activation) << " at " << x << " on " << name_of(isa);
      };
      MatmulParams p{.a = one.view(1, 1), .b = zeros.view(1, kNumbers), .out = out.view(1, kNumbers), .bias = bias.view(1, kNumbers)};
      p.activation = activation;
      p.activated = activated.view(1, kNumbers);
      matmul(p);
      for (size_t i = 0; i < numbers.size(); ++i) {
        if (std::isfinite(numbers[i])) {
          ASSERT_NEAR(out[i], numbers[i], 0x1p-126);  // those below are flushed
        }
        expect(activated[i], reference::activate(activation, numbers[i]), numbers[i], "value");
      }
      p.b = ones.view(1, kNumbers);
      p.bias = {};
      p.before = x.view(1, kNumbers);
      matmul(p);
      for (size_t i = 0; i < numbers.size(); ++i) {
        expect(out[i], reference::activation_slope(activation, numbers[i]), numbers[i], "slope");
        expect(activated[i], reference::activate(activation, numbers[i]), numbers[i], "value once more");
        if (!std::isnan(numbers[i])) continue;
        ASSERT_TRUE(std::isnan(activated[i]) && (activation <= Activation::relu || std::isnan(out[i])))
            << static_cast<int>(activation) << " on " << name_of(isa);
      }
    }
  }
  set_isa(before);
}

TEST(Bf16, RoundsToNearestEvenAndKeepsNan) {
  EXPECT_EQ(to_bf16(1.0f + 0x1p-8f).bits, to_bf16(1.0f).bits);           // a tie goes to the even neighbour
  EXPECT_EQ(to_float(to_bf16(1.0f + 3 * 0x1p-8f)), 1.0f + 4 * 0x1p-8f);  // and so does the next
  EXPECT_EQ(to_float(to_bf16(-3.0e38f)), -0x1.c4p127f);
  EXPECT_TRUE(std::isnan(to_float(to_bf16(std::nanf("")))));
}

}  // namespace
}  // namespace qkv::cpu
