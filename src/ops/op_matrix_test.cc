// Tests every op: the CPU kernels of every instruction set, in f32 and bf16, against the double reference, and the reference's gradients
// against finite differences.
#include "ops/ops.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "tests/op_matrix.h"

namespace qkv {
namespace {

using testing::Case;
using testing::dropout_of;
using testing::Pair;
using testing::random_pair;
using testing::relative_error;
using testing::run_with_gradient;

// Three heads of 16 columns; with fewer than 8 pairs the remaining columns of each head are not rotated.
Case rope_case(RotaryPairs layout, int64_t pairs) {
  return {fmt::format("rope of {} pairs, layout {}", pairs, static_cast<int>(layout)),
          {{70, 48}},
          [=](const std::vector<Tensor>& x) {
            std::vector<float> cosines, sines;
            std::vector<int32_t> positions;
            for (int64_t i = 0; i < 20 * pairs; ++i) {
              cosines.push_back(std::cos(0.37f * static_cast<float>(i)));
              sines.push_back(std::sin(0.37f * static_cast<float>(i)));
            }
            for (int r = 0; r < 70; ++r) positions.push_back(r * 7 % 20);
            const DType dtype = x[0].device() == Device::reference ? DType::f64 : DType::f32;
            const Tensor cosine = Tensor::from(cosines, {20, pairs}, dtype, x[0].device());
            const Tensor sine = Tensor::from(sines, {20, pairs}, dtype, x[0].device());
            return rope(x[0], cosine, sine, positions, 3, layout);
          },
          {false}};
}

Case embedding_case(float dropout) {
  static const std::vector<int32_t> ids{3, 0, 3, 10, 7, 3, 1}, positions{0, 1, 2, 0, 1, 0, 4};
  return {fmt::format("embedding with dropout {}", dropout),
          {{11, 37}, {5, 37}},
          [=](const std::vector<Tensor>& in) {
            const DType dtype = in[0].device() == Device::reference ? DType::f64 : DType::f32;
            return embedding(ids, in[0], in[1], positions, 6.0f, dtype, dropout_of(dropout));
          },
          {true, true}};
}

Case feed_forward_case(Activation activation, float dropout, int64_t rows, int64_t inner) {
  return {fmt::format("feed-forward with activation {} and dropout {} of {} rows", static_cast<int>(activation), dropout, rows),
          {{rows, 40}, {inner, 40}, {inner}, {20, inner}, {20}},
          [=](const std::vector<Tensor>& x) {
            return feed_forward(x[0], {x[1], x[2]}, activation, dropout_of(dropout), {x[3], x[4]});
          },
          {false, true, true, true, true}};
}

// With numbers of both signs on either side of epsilon.
Case xielu_case() {
  return {"xielu",
          {{300, 65}, {1}, {1}},
          [](const std::vector<Tensor>& x) {
            const DType dtype = x[0].device() == Device::reference ? DType::f64 : DType::f32;
            const auto number = [&](float value) { return Tensor::from(std::vector<float>{value}, {1}, dtype, x[0].device()); };
            return xielu(x[0], {x[1], x[2], number(0.5f), number(-0.125f)});
          },
          {false, true, true}};
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto& [rows, in, out] : {std::tuple{1, 5, 3}, {7, 16, 16}, {130, 300, 77}, {1000, 64, 200}, {3, 600, 33}}) {
    all.push_back({fmt::format("linear {} x {} to {}", rows, in, out),
                   {{rows, in}, {out, in}, {out}},
                   [](const std::vector<Tensor>& x) { return linear(x[0], x[1], x[2]); },
                   {false, true, true}});
  }
  // Enough rows for several slabs; none begins at a multiple of the random-number block and the last one is short.
  all.push_back(feed_forward_case(Activation::gelu, 0.25f, 700, 37));
  all.push_back(feed_forward_case(Activation::gelu, 0, 700, 37));
  for (const int64_t rows : {5, 700}) {
    all.push_back({fmt::format("three linears of {} rows", rows),
                   {{rows, 33}, {20, 33}, {20}, {20, 33}, {20, 33}, {20}},
                   [](const std::vector<Tensor>& x) {
                     const std::vector<Tensor> y =
                         linears(x[0], std::array{LinearWeights{x[1], x[2]}, LinearWeights{x[3], {}}, LinearWeights{x[4], x[5]}});
                     return gated_activation(y[0], dropout_add(y[1], y[2]), Activation::silu);
                   },
                   {false, true, true, true, true, true}});
  }
  for (Activation activation : {Activation::none, Activation::relu, Activation::gelu, Activation::gelu_tanh, Activation::silu,
                                Activation::sigmoid, Activation::tanh}) {
    for (const float dropout : {0.0f, 0.25f}) all.push_back(feed_forward_case(activation, dropout, 33, 65));
    all.push_back({fmt::format("activation {}", static_cast<int>(activation)),
                   {{33, 65}},
                   [=](const std::vector<Tensor>& x) { return activate(x[0], activation, dropout_of(0.25f)); },
                   {false}});
  }
  all.push_back(
      {"scaled", {{33, 65}}, [](const std::vector<Tensor>& x) { return scaled(activate(x[0], Activation::tanh), 0.3f); }, {false}});
  for (float probability : {0.0f, 0.1f, 0.5f}) {
    all.push_back({fmt::format("dropout_add {}", probability),
                   {{70, 300}, {70, 300}},
                   [=](const std::vector<Tensor>& x) { return dropout_add(x[0], x[1], dropout_of(probability)); },
                   {false, false}});
    all.push_back(embedding_case(probability));
  }
  for (const Shape& shape : {Shape{1, 1}, Shape{3, 7}, Shape{200, 96}, Shape{70, 513}}) {
    if (shape[1] == 1) continue;  // a single value has no deviation
    all.push_back({fmt::format("layer_norm of {} columns", shape[1]),
                   {shape, {shape[1]}, {shape[1]}},
                   [](const std::vector<Tensor>& x) { return layer_norm(x[0], x[1], x[2]); },
                   {false, true, true}});
  }
  all.push_back({"layer_norm with three weights",
                 {{201, 21}, {63}, {63}},
                 [](const std::vector<Tensor>& x) { return layer_norm(x[0], x[1], x[2]); },
                 {false, true, true}});
  all.push_back({"clamp", {{33, 65}}, [](const std::vector<Tensor>& x) { return clamp(x[0], 0.75f); }, {false}});
  all.push_back(xielu_case());
  all.push_back({"rms_norm", {{70, 67}, {67}}, [](const std::vector<Tensor>& x) { return rms_norm(x[0], x[1]); }, {false, true}});
  for (Activation activation : {Activation::silu, Activation::gelu, Activation::sigmoid}) {
    all.push_back({fmt::format("gated activation {}", static_cast<int>(activation)),
                   {{33, 65}, {33, 65}},
                   [=](const std::vector<Tensor>& x) { return gated_activation(x[0], x[1], activation); },
                   {false, false}});
  }
  all.push_back({"select_rows",
                 {{70, 67}},
                 [](const std::vector<Tensor>& x) {
                   return select_rows(activate(x[0], Activation::tanh), std::vector<int32_t>{3, 69, 0, 3});
                 },
                 {false}});
  for (const RotaryPairs layout : {RotaryPairs::halves, RotaryPairs::neighbours}) {
    for (const int64_t pairs : {8, 5}) all.push_back(rope_case(layout, pairs));
  }
  return all;
}

TEST(Ops, ValuesAndGradientsEqualTheReferenceOnEveryIsa) {
  testing::expect_parity_on_every_isa(cases(), DType::f32, 2e-5);
  testing::expect_parity_on_every_isa(cases(), DType::bf16, 1.6e-2);
}

TEST(Ops, ReferenceGradientsEqualFiniteDifferences) { testing::expect_gradients_equal_finite_differences(cases()); }

TEST(Ops, ResultsDoNotDependOnTheNumberOfThreads) { testing::expect_same_on_any_number_of_threads(cases()); }

TEST(Ops, ResultsOnTheDisguisedDeviceAreTheCpus) { testing::expect_same_on_the_disguised_device(cases()); }

// The loss of hidden states and its gradients.
struct LossRun {
  double loss, nll;
  Tensor dhidden, dtable, dbias;
};
LossRun run_loss(const Tensor& hidden, const Tensor& table, const Tensor& bias, std::span<const int32_t> targets, float smoothing,
                 float cap = 0) {
  Tape tape;
  CrossEntropyResult result;
  {
    RecordScope scope(&tape);
    result = linear_cross_entropy(hidden, table, bias, targets, smoothing, 0.125f, cap);
  }
  backward(tape, result.loss);
  return {result.loss_sum, result.nll_sum, hidden.grad(), table.grad(), bias ? bias.grad() : Tensor()};
}

// Tests a vocabulary and two classes.
TEST(CrossEntropy, EqualsTheReferenceWithAndWithoutSmoothing) {
  const testing::KeepIsa keep;
  for (Isa isa : available_isas()) {
    set_isa(isa);
    for (const auto& [classes, smoothing, cap] :
         {std::tuple{int64_t{1003}, 0.0f, 0.0f}, {int64_t{1003}, 0.1f, 0.0f}, {int64_t{1003}, 0.1f, 6.0f}, {int64_t{2}, 0.1f, 0.0f}}) {
      for (DType dtype : {DType::f32, DType::bf16}) {
        // With bf16 hidden states the table holds bf16 values, since products round it to bf16.
        Pair hidden = random_pair({150, 40}, dtype, 1), table = random_pair({classes, 40}, dtype, 2),
             bias = random_pair({classes}, DType::f32, 3);
        table.cpu = table.cpu.to(DType::f32);
        table.cpu.set_requires_grad(true);
        std::vector<int32_t> targets;
        for (int i = 0; i < 150; ++i) targets.push_back(i * 7 % static_cast<int32_t>(classes));
        const LossRun cpu = run_loss(hidden.cpu, table.cpu, bias.cpu, targets, smoothing, cap);
        const LossRun expected = run_loss(hidden.reference, table.reference, bias.reference, targets, smoothing, cap);
        const double tolerance = dtype == DType::f32 ? 1e-5 : 1e-2;
        EXPECT_NEAR(cpu.loss / expected.loss, 1, 1e-5);
        EXPECT_NEAR(cpu.nll / expected.nll, 1, 1e-5);
        EXPECT_LT(relative_error(cpu.dhidden, expected.dhidden), tolerance);
        EXPECT_LT(relative_error(cpu.dtable, expected.dtable), tolerance);
        EXPECT_LT(relative_error(cpu.dbias, expected.dbias), tolerance);
      }
    }
  }
}

TEST(CrossEntropy, OnTheDisguisedDeviceEqualsTheCpus) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    const std::vector<int32_t> targets{0, 8, 3, 3, 5};
    const auto run_on = [&](Device device) {
      const auto moved = [&](Shape shape, DType type, uint32_t stream) {
        return random_pair(std::move(shape), DType::f32, stream).cpu.to(type, device).set_requires_grad(true);
      };
      return run_loss(moved({5, 40}, dtype, 1), moved({9, 40}, DType::f32, 2), moved({9}, DType::f32, 3), targets, 0.1f);
    };
    const LossRun found = run_on(Device::disguised), expected = run_on(Device::cpu);
    EXPECT_EQ(found.loss, expected.loss);
    EXPECT_EQ(found.nll, expected.nll);
    EXPECT_EQ(found.dhidden.to_vector(), expected.dhidden.to_vector());
    EXPECT_EQ(found.dtable.to_vector(), expected.dtable.to_vector());
    EXPECT_EQ(found.dbias.to_vector(), expected.dbias.to_vector());
  }
}

TEST(CrossEntropy, GradientsEqualFiniteDifferences) {
  const Tensor hidden = random_pair({5, 6}, DType::f32, 1).reference, table = random_pair({9, 6}, DType::f32, 2).reference,
               bias = random_pair({9}, DType::f32, 3).reference;
  const std::vector<int32_t> targets{0, 8, 3, 3, 5};
  run_loss(hidden, table, bias, targets, 0.1f, 3);
  const auto forward = [&] { return linear_cross_entropy(hidden, table, bias, targets, 0.1f, 0.125f, 3).loss; };
  const float one = 1;
  const Tensor dy = Tensor::from({&one, 1}, {1}, DType::f64, Device::reference);
  EXPECT_LT(testing::finite_difference_error(forward, hidden, dy, 30), 1e-6);
  EXPECT_LT(testing::finite_difference_error(forward, table, dy, 54), 1e-6);
  EXPECT_LT(testing::finite_difference_error(forward, bias, dy, 9), 1e-6);
}

TEST(Dropout, KeepsItsShareAndItsMean) {
  const Tensor ones = Tensor::empty({400, 1000}, DType::f32);
  ones.fill(1);
  const std::vector<float> y = dropout_add(ones, {}, dropout_of(0.3f)).to_vector();
  double sum = 0, kept = 0;
  for (float v : y) {
    sum += v;
    kept += v != 0;
  }
  EXPECT_NEAR(kept / 4e5, 0.7, 0.005);
  EXPECT_NEAR(sum / 4e5, 1.0, 0.005);
}

TEST(Ops, ShapesThatDoNotFitAreNamed) {
  const Tensor x = Tensor::zeros({2, 3}, DType::f32), weight = Tensor::zeros({4, 5}, DType::f32);
  try {
    linear(x, weight, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "[linear] weight is [4, 5], the rows of x have 3 values");
  }
}

}  // namespace
}  // namespace qkv
