#include "lab/attention_forms/attention_forms.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/philox.h"
#include "lab/attention_forms/attention_cost.h"

namespace qkv::lab {
namespace {

// The formula in double, by the product's oracle.
std::vector<float> reference(const AttentionInput& in, int heads) {
  const auto f64 = [](const Tensor& x) { return x.to(DType::f64, Device::reference); };
  return attention(f64(in.q), f64(in.k), f64(in.v), in.segments, in.segments, {.num_heads = heads, .num_key_value_heads = heads})
      .out.to_vector();
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
  return largest;
}

TEST(AttentionForms, AllFormsComputeTheFormula) {
  const AttentionCase of{.tokens = 137, .heads = 2, .head_size = 24};
  const AttentionInput in = random_input(of, 5);
  const std::vector<float> expected = reference(in, of.heads);
  EXPECT_LT(largest_difference(whole_attention(in.q, in.k, in.v, of.heads).to_vector(), expected), 2e-6);
  for (const int64_t tile : {1, 50, 137, 1000}) {
    EXPECT_LT(largest_difference(tiled_attention(in.q, in.k, in.v, of.heads, tile).to_vector(), expected), 2e-6) << tile;
  }
}

}  // namespace
}  // namespace qkv::lab
