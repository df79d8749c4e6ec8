// Tests slopes and buckets against transformers (tools/golden/distance_bias.py), and the table's gradient against finite differences.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "tests/op_matrix.h"

namespace qkv {
namespace {

nlohmann::json goldens() {
  return nlohmann::json::parse(read_file(std::string(QKV_SOURCE_DIR) + "/tests/goldens/distance_bias/distance_bias.json"));
}

TEST(DistanceBias, AlibiFallsWithTheSlopesOfTransformers) {
  const nlohmann::json alibi = goldens()["alibi"];
  ASSERT_GE(alibi.size(), 8u);
  for (const nlohmann::json& golden : alibi) {
    const int heads = golden["heads"], reach = 3;
    const std::vector<float> bias = alibi_bias(heads, reach).to_vector();
    EXPECT_EQ(bias, alibi_bias(heads, reach, Device::reference).to_vector());
    for (int head = 0; head < heads; ++head) {
      const float slope = golden["slopes"][head];
      for (int distance = -reach; distance <= reach; ++distance) {
        const float expected = -slope * static_cast<float>(std::abs(distance));
        EXPECT_NEAR(bias[head * (2 * reach + 1) + reach + distance], expected, 1e-6 * slope) << "head " << head << " of " << heads;
      }
    }
  }
}

TEST(DistanceBias, EachDistanceIsInTheBucketOfTransformers) {
  const nlohmann::json relative = goldens()["relative"];
  ASSERT_GE(relative.size(), 6u);
  for (const nlohmann::json& golden : relative) {
    const int buckets = golden["buckets"];
    const int64_t reach = golden["reach"];
    std::vector<float> table;  // bucket b of head h holds 100 b + h
    for (int b = 0; b < buckets; ++b) table.insert(table.end(), {100.0f * b, 100.0f * b + 1});
    const std::vector<int> expected = golden["bucket"];
    for (const Device device : {Device::cpu, Device::reference}) {
      const Tensor weights = Tensor::from(table, {buckets, 2}, device == Device::cpu ? DType::f32 : DType::f64, device);
      const Tensor bias = relative_position_bias(weights, reach, golden["bidirectional"], golden["max_distance"]);
      EXPECT_EQ(bias.shape(), (Shape{2, 2 * reach + 1}));
      const std::vector<float> got = bias.to_vector();
      for (size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(got[i], 100 * expected[i]) << buckets << " buckets, distance " << static_cast<int64_t>(i) - reach;
        EXPECT_EQ(got[expected.size() + i], 100 * expected[i] + 1) << buckets << " buckets, second head";
      }
    }
  }
}

// Tests the biases inside attention, where two layers share them as in a model.
TEST(DistanceBias, TheTablesGradientEqualsFiniteDifferencesAndTheCpusIsTheSame) {
  const std::vector<int32_t> lengths{5, 9};
  const Segments segments = Segments::of_lengths(lengths);
  const testing::Pair q = testing::random_pair({14, 16}, DType::f32, 1), k = testing::random_pair({14, 16}, DType::f32, 2),
                      v = testing::random_pair({14, 16}, DType::f32, 3), table = testing::random_pair({8, 2}, DType::f32, 4),
                      dy = testing::random_pair({14, 16}, DType::f32, 5);
  for (const bool bidirectional : {true, false}) {
    const auto two_layers = [&](const Tensor& x, const Tensor& y, const Tensor& z, const Tensor& t) {
      const AttentionOptions options{
          .num_heads = 2, .num_key_value_heads = 2, .distance_bias = relative_position_bias(t, 9, bidirectional, 6), .dropout = {}};
      return attention(attention(x, y, z, segments, segments, options).out, y, z, segments, segments, options).out;
    };
    const auto on_reference = [&] { return two_layers(q.reference, k.reference, v.reference, table.reference); };
    for (const Tensor& x : {table.cpu, table.reference}) x.clear_grad();
    testing::run_with_gradient(on_reference, dy.reference);
    EXPECT_LT(testing::finite_difference_error(on_reference, table.reference, dy.reference, 16), 1e-6);
    testing::run_with_gradient([&] { return two_layers(q.cpu, k.cpu, v.cpu, table.cpu); }, dy.cpu);
    EXPECT_LT(testing::relative_error(table.cpu.grad(), table.reference.grad()), 1e-5);
  }
}

TEST(DistanceBias, SizesThatMakeNoBucketsAreNamed) {
  const Tensor table = Tensor::zeros({3, 2}, DType::f32);
  EXPECT_THROW(relative_position_bias(table, 4, true), Error);
  EXPECT_THROW(relative_position_bias(Tensor::zeros({32, 2}, DType::f32), 4, true, 8), Error);
  EXPECT_THROW(relative_position_bias(Tensor::zeros({32, 2}, DType::bf16), 4, true), Error);
  EXPECT_THROW(relative_position_bias(Tensor::zeros({32, 2}, DType::f32), -1, true), Error);
  EXPECT_THROW(alibi_bias(0, 4), Error);
  EXPECT_THROW(alibi_bias(2, -1), Error);
}

}  // namespace
}  // namespace qkv
