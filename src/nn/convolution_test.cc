// Tests convolution along time against torch.nn.Conv1d (tools/golden/recurrent.py).
#include "nn/convolution.h"

#include <gtest/gtest.h>

#include "tests/golden_module.h"

namespace qkv {
namespace {

void expect_goldens(Device device, double tolerance) {
  const nlohmann::json goldens = testing::goldens_of("convolution.json");
  ASSERT_EQ(goldens.size(), 7u);
  for (const nlohmann::json& golden : goldens) {
    SCOPED_TRACE(fmt::format("width {}, dilation {}, causal {}", golden["width"].get<int>(), golden["dilation"].get<int>(),
                             golden["causal"].get<bool>()));
    ParameterStore store(1, true, device);
    const Convolution convolution({.input_size = 5,
                                   .output_size = 7,
                                   .width = golden["width"],
                                   .placed = {.dilation = golden["dilation"], .causal = golden["causal"]}},
                                  store);
    const Segments segments = Segments::of_lengths(golden["lengths"].get<std::vector<int32_t>>());
    testing::expect_golden(golden, store, tolerance, [&](const Tensor& x) { return convolution.forward(x, segments); });
  }
}

TEST(Convolution, ValuesAndGradientsOfTheReferenceAreTorchs) { expect_goldens(Device::reference, 3e-7); }

TEST(Convolution, ValuesAndGradientsOfEveryIsaAreTorchs) {
  const testing::KeepIsa keep;
  for (const Isa isa : available_isas()) {
    set_isa(isa);
    expect_goldens(Device::cpu, 2e-6);
  }
}

// Has more rows than one slab of windows.
testing::Case long_case(bool causal) {
  const std::vector<int32_t> lengths{700, 1, 900, 500};
  const Segments segments = Segments::of_lengths(lengths);
  return {fmt::format("causal {}", causal),
          {{segments.tokens(), 20}, {19, 20, 3}, {19}},
          [=](const std::vector<Tensor>& x) { return convolution(x[0], x[1], x[2], segments, {.dilation = 2, .causal = causal}); },
          {false, true, true}};
}

TEST(Convolution, SlabsOfWindowsEqualTheReferenceOnEveryIsa) {
  testing::expect_parity_on_every_isa({long_case(false), long_case(true)}, DType::f32, 2e-5);
}
TEST(Convolution, ResultsOnTheDisguisedDeviceAreTheCpus) {
  testing::expect_same_on_the_disguised_device({long_case(false), long_case(true)}, {DType::f32});
}
TEST(Convolution, ResultsDoNotDependOnTheNumberOfThreads) { testing::expect_same_on_any_number_of_threads({long_case(true)}); }

TEST(Convolution, OneSequenceAloneEqualsItselfAmongNeighbours) {
  const std::vector<int32_t> lengths{3, 1, 40, 7};
  const Segments together = Segments::of_lengths(lengths);
  const Tensor x = testing::random_pair({together.tokens(), 12}, DType::f32, 1).cpu;
  ParameterStore store(1, true);
  const Convolution convolution({.input_size = 12, .output_size = 30, .width = 3}, store);
  const Tensor y = convolution.forward(x, together);
  for (int64_t i = 0; i < together.count(); ++i) {
    const Tensor alone = convolution.forward(x.row_range(together.begin(i), lengths[i]), Segments::of_lengths({&lengths[i], 1}));
    EXPECT_EQ(alone.to_vector(), y.row_range(together.begin(i), lengths[i]).to_vector()) << "sequence " << i;
  }
}

TEST(Convolution, ACausalOneNeverSeesTheFuture) {
  const std::vector<int32_t> lengths{9};
  const Segments segments = Segments::of_lengths(lengths);
  ParameterStore store(1, true);
  const Convolution convolution({.input_size = 4, .output_size = 4, .width = 3, .placed = {.dilation = 2, .causal = true}}, store);
  const Tensor x = testing::random_pair({9, 4}, DType::f32, 1).cpu, changed = x.to(DType::f32);
  for (int64_t c = 0; c < 4; ++c) changed.host<float>()[5 * 4 + c] += 1;
  const Tensor y = convolution.forward(x, segments), other = convolution.forward(changed, segments);
  EXPECT_EQ(y.row_range(0, 5).to_vector(), other.row_range(0, 5).to_vector());
  EXPECT_NE(y.row_range(5, 1).to_vector(), other.row_range(5, 1).to_vector());
}

}  // namespace
}  // namespace qkv
