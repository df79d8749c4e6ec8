// Properties of linears() beyond its values, which the op matrix covers.
#include <gtest/gtest.h>

#include <array>

#include "autograd/backward.h"
#include "tests/op_matrix.h"

namespace qkv {
namespace {

TEST(Linears, AnOutputThatNothingUsesLeavesTheOthersTheirGradients) {
  const Tensor x = testing::random_pair({9, 16}, DType::f32, 1).cpu, used = testing::random_pair({8, 16}, DType::f32, 2).cpu,
               unused = testing::random_pair({8, 16}, DType::f32, 3).cpu, dy = testing::random_pair({9, 8}, DType::f32, 4).cpu;
  const auto gradients = [&](auto&& output) {
    for (const Tensor& t : {x, used, unused}) t.set_requires_grad(true).clear_grad();
    Tape tape;
    Tensor y;
    {
      const RecordScope recording(&tape);
      y = output();
    }
    backward_from(tape, y, dy);
    return std::pair{x.grad().to_vector(), used.grad().to_vector()};
  };
  const auto alone = gradients([&] { return linear(x, used, {}); });
  const auto among = gradients([&] { return linears(x, std::array{LinearWeights{unused, {}}, LinearWeights{used, {}}})[1]; });
  EXPECT_EQ(alone, among);
  EXPECT_FALSE(unused.grad());
}

}  // namespace
}  // namespace qkv
