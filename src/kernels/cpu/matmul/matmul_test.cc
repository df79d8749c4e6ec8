// The matrix product against double sums, on each instruction set that this machine has.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/parallel.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/matmul/matmul.h"
#include "kernels/cpu/matmul/matmul_cases.h"
#include "kernels/reference/reference.h"

namespace qkv::cpu {
namespace {

TEST(Matmul, EqualsDoubleSumsOnEachInstructionSet) {
  const Isa before = current_isa();
  for (const Isa isa : available_isas()) {
    set_isa(isa);
    for (const Product& t : products()) {
      std::vector<float> data;
      const auto pack_b = [&](const MatmulParams& p) {
        const PackedLayout layout = packed_layout(t.depth, t.columns, t.a_type);
        data.resize(static_cast<size_t>(layout.bytes() / 4 + 1));
        pack({p.b, p.transpose_b, layout, data.data()});
        return PackedMatrix{layout, data.data()};
      };
      EXPECT_LT(error_of(t, pack_b, [](const MatmulParams& p) { matmul(p); }), tolerance_of(t)) << t << " on " << name_of(isa);
    }
  }
  set_isa(before);
}

// A product whose rows lie far apart (the gradient of the loss) once fell into a loop without vectors: 10 s a call.
TEST(Matmul, EveryTypeLayoutAndTranspositionReachesItsInstructionSet) {
  const Isa before = current_isa();
  for (const Isa isa : available_isas()) {
    set_isa(isa);
    const int32_t lanes = isa >= Isa::avx512 ? 16 : isa == Isa::avx2 ? 8 : 4;
    for (const DType type : {DType::f32, DType::bf16}) {
      using enum MatmulProgram;
      const MatmulProgram expected = type == DType::f32 || isa < Isa::avx512_bf16 ? f32 : isa == Isa::amx ? bf16_tiles : bf16_dots;
      const PackedLayout layout = packed_layout(256, 32000, type);
      EXPECT_EQ(layout.format, expected == f32 ? PackedFormat::f32_panels : PackedFormat::bf16_tiles) << name_of(isa);
      EXPECT_EQ(layout.width, expected == f32 ? 2 * lanes : 32) << name_of(isa);
      for (const bool transpose_a : {false, true}) {
        for (const int64_t distance : {1, 2}) {  // of rows, in rows
          const int64_t rows = 96, in = 32000, out = 256;
          MatmulParams p{.a = {nullptr, rows, in, distance * in, type}, .b = {nullptr, in, out, out, DType::f32}};
          if (transpose_a) p.b = {nullptr, rows, out, distance * out, type};
          p.transpose_a = transpose_a;
          EXPECT_EQ(program_of(p), expected) << name_of(isa) << ", " << name_of(type) << ", transposed " << transpose_a;
        }
      }
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

// Cuts follow the number of threads; sums do not.
TEST(Matmul, AnyNumberOfThreadsGivesTheSameBits) {
  const int threads = num_threads();
  const Isa before = current_isa();
  for (const Isa isa : available_isas()) {
    set_isa(isa);
    for (const Product& t : products()) {
      std::vector<std::vector<float>> outputs;
      for (const int count : {1, 2, 7}) {
        set_num_threads(count);
        error_of(
            t, [](const MatmulParams&) { return PackedMatrix(); },
            [&](MatmulParams p) {
              matmul(p);
              std::vector<float>& values = outputs.emplace_back();
              for (int64_t r = 0; r < p.out.rows; ++r) {
                for (int64_t c = 0; c < p.out.cols; ++c)
                  values.push_back(p.out.dtype == DType::f32 ? p.out.row<float>(r)[c] : to_float(p.out.row<bf16>(r)[c]));
              }
            });
      }
      EXPECT_EQ(outputs[0], outputs[1]) << t << " on " << name_of(isa);
      EXPECT_EQ(outputs[0], outputs[2]) << t << " on " << name_of(isa);
    }
  }
  set_isa(before);
  set_num_threads(threads);
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
