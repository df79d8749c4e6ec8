// Tests recurrent layers against PyTorch's (tools/golden/recurrent.py) and for invariants of any recurrent layer.
#include "nn/recurrent.h"

#include <gtest/gtest.h>

#include "nn/time_order.h"
#include "tests/golden_module.h"

namespace qkv {
namespace {

using testing::random_pair;
using testing::run_with_gradient;

constexpr RecurrentCell kCells[] = {RecurrentCell::tanh, RecurrentCell::gru, RecurrentCell::lstm};

RecurrentCell cell_of(const std::string& name) {
  return name == "tanh" ? RecurrentCell::tanh : name == "gru" ? RecurrentCell::gru : RecurrentCell::lstm;
}

void expect_goldens(Device device, double tolerance) {
  const nlohmann::json goldens = testing::goldens_of("recurrent.json");
  ASSERT_EQ(goldens.size(), 9u);
  for (const nlohmann::json& golden : goldens) {
    SCOPED_TRACE(fmt::format("{}, {} layers, bidirectional {}", golden["cell"].get<std::string>(), golden["layers"].get<int>(),
                             golden["bidirectional"].get<bool>()));
    ParameterStore store(1, true, device);
    const Recurrent recurrent({.cell = cell_of(golden["cell"]),
                               .input_size = 5,
                               .hidden_size = 7,
                               .num_layers = golden["layers"],
                               .bidirectional = golden["bidirectional"]},
                              store);
    const Segments segments = Segments::of_lengths(golden["lengths"].get<std::vector<int32_t>>());
    testing::expect_golden(golden, store, tolerance, [&](const Tensor& x) {
      ForwardContext context;
      return recurrent.forward(x, segments, context);
    });
  }
}

TEST(Recurrent, ValuesAndGradientsOfTheReferenceAreTorchs) { expect_goldens(Device::reference, 3e-7); }

TEST(Recurrent, ValuesAndGradientsOfEveryIsaAreTorchs) {
  const testing::KeepIsa keep;
  for (const Isa isa : available_isas()) {
    set_isa(isa);
    expect_goldens(Device::cpu, 2e-6);
  }
}

// An op on x, W_ih, b_ih, W_hh, b_hh over ragged sequences.
testing::Case recurrence_case(RecurrentCell cell, int64_t hidden, bool reverse, std::vector<int32_t> lengths) {
  const TimeOrder time(Segments::of_lengths(lengths));
  const int64_t rows = gates_of(cell) * hidden;
  return {fmt::format("cell {}, {} units, reverse {}", static_cast<int>(cell), hidden, reverse),
          {{time.steps.tokens(), 6}, {rows, 6}, {rows}, {rows, hidden}, {rows}},
          [=](const std::vector<Tensor>& x) { return recurrence(linear(x[0], x[1], x[2]), x[3], x[4], time.steps, cell, reverse); },
          {false, true, true, true, true}};
}

std::vector<testing::Case> cases(bool large) {
  std::vector<testing::Case> all;
  for (const RecurrentCell cell : kCells) {
    for (const bool reverse : {false, true}) {
      all.push_back(recurrence_case(cell, 5, reverse, {3, 0, 1, 4}));
      // Several panels with a partial last one, several blocks of k, and tiles of every height as sequences end.
      if (large) all.push_back(recurrence_case(cell, 150, reverse, {1, 2, 3, 3, 3, 2, 3, 1, 1, 3, 3, 2, 2, 2, 3}));
    }
  }
  return all;
}

TEST(Recurrence, ValuesAndGradientsEqualTheReferenceOnEveryIsa) { testing::expect_parity_on_every_isa(cases(true), DType::f32, 2e-5); }
TEST(Recurrence, ReferenceGradientsEqualFiniteDifferences) { testing::expect_gradients_equal_finite_differences(cases(false)); }
TEST(Recurrence, ResultsOnTheDisguisedDeviceAreTheCpus) { testing::expect_same_on_the_disguised_device(cases(true), {DType::f32}); }

TEST(Recurrence, ResultsDoNotDependOnTheNumberOfThreads) { testing::expect_same_on_any_number_of_threads(cases(true)); }

TEST(Recurrent, OneSequenceAloneEqualsItselfAmongNeighbours) {
  const std::vector<int32_t> lengths{4, 9, 1, 9, 6, 3, 7, 2};
  const Segments together = Segments::of_lengths(lengths);
  const Tensor x = random_pair({together.tokens(), 12}, DType::f32, 1).cpu;
  for (const RecurrentCell cell : kCells) {
    ParameterStore store(1, true);
    const Recurrent recurrent({.cell = cell, .input_size = 12, .hidden_size = 70, .num_layers = 2, .bidirectional = true}, store);
    ForwardContext context;
    const Tensor y = recurrent.forward(x, together, context);
    for (int64_t i = 0; i < together.count(); ++i) {
      const Tensor alone = recurrent.forward(x.row_range(together.begin(i), lengths[i]), Segments::of_lengths({&lengths[i], 1}), context);
      EXPECT_EQ(alone.to_vector(), y.row_range(together.begin(i), lengths[i]).to_vector()) << "sequence " << i;
    }
  }
}

TEST(Recurrent, StepByStepIsTheSameFunction) {
  for (const Device device : {Device::cpu, Device::reference}) {
    for (const RecurrentCell cell : kCells) {
      ParameterStore store(1, true, device);
      const Recurrent recurrent({.cell = cell, .input_size = 12, .hidden_size = 33, .num_layers = 2}, store);
      const auto pair = random_pair({3 * 5, 12}, DType::f32, 1);  // rows in time order
      const Tensor x = device == Device::cpu ? pair.cpu : pair.reference;
      const std::vector<int32_t> lengths{5, 5, 5};
      const TimeOrder time(Segments::of_lengths(lengths));
      ForwardContext context;
      const Tensor y = reorder_rows(recurrent.forward(reorder_rows(x, time.place, time.order), Segments::of_lengths(lengths), context),
                                    time.order, time.place);
      RecurrentState state = recurrent.start(3);
      for (int64_t t = 0; t < 5; ++t)
        EXPECT_LT(testing::relative_error(recurrent.step(x.row_range(3 * t, 3), state), y.row_range(3 * t, 3)), 2e-6) << "step " << t;
      EXPECT_EQ(state.bytes(), (cell == RecurrentCell::lstm ? 2 : 1) * 2 * 3 * 33 * size_of(x.dtype()));
    }
  }
}

TEST(Recurrent, StartsWithinTheBoundOfTorch) {
  ParameterStore store(1, true);
  const Recurrent recurrent({.cell = RecurrentCell::gru, .input_size = 30, .hidden_size = 100}, store);
  for (const Parameter& p : store.all()) {
    const std::vector<float> values = p.value.to_vector();
    EXPECT_GE(*std::min_element(values.begin(), values.end()), -0.1f) << p.name;
    EXPECT_LE(*std::max_element(values.begin(), values.end()), 0.1f) << p.name;
    EXPECT_GT(*std::max_element(values.begin(), values.end()), 0.09f) << p.name;
  }
}

TEST(Recurrent, NoSequencesGiveNoRows) {
  ParameterStore store(1, true);
  const Recurrent recurrent({.input_size = 3, .hidden_size = 4, .bidirectional = true}, store);
  ForwardContext context;
  const std::vector<int32_t> lengths{0, 0};
  EXPECT_EQ(recurrent.forward(Tensor::zeros({0, 3}, DType::f32), Segments::of_lengths(lengths), context).shape(), (Shape{0, 8}));
}

TEST(Recurrent, WhatDoesNotFitIsNamed) {
  ParameterStore store(1, true);
  const Recurrent recurrent({.input_size = 3, .hidden_size = 4, .bidirectional = true}, store);
  EXPECT_THROW(recurrent.start(1), Error);
  ForwardContext context;
  const std::vector<int32_t> lengths{2};
  EXPECT_THROW(recurrent.forward(Tensor::zeros({2, 4}, DType::f32), Segments::of_lengths(lengths), context), Error);
}

}  // namespace
}  // namespace qkv
