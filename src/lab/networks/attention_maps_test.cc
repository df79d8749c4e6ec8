#include "lab/networks/attention_maps.h"

#include <gtest/gtest.h>

namespace qkv::lab {
namespace {

// Expected numbers: numpy in float64.
const std::vector<float> kCausal{1, 0, 0, 0.5f, 0.5f, 0, 0.2f, 0.3f, 0.5f};

TEST(AttentionMaps, EffectiveRankIsThatOfTheSingularValues) {
  EXPECT_NEAR(effective_rank(Tensor::from(kCausal, {3, 3})), 2.6685909, 1e-6);
  EXPECT_NEAR(effective_rank(Tensor::from(std::vector<float>{1, 0, 0, 0, 1, 0, 0, 0, 1}, {3, 3})), 3, 1e-6);
  EXPECT_NEAR(effective_rank(Tensor::from(std::vector<float>{0.25f, 0.75f, 0.25f, 0.75f}, {2, 2})), 1, 1e-6);
}

TEST(AttentionMaps, WeightsOfZeroAddNothingToTheEntropy) { EXPECT_NEAR(row_entropy(Tensor::from(kCausal, {3, 3})), 0.5742667, 1e-6); }

TEST(AttentionMaps, OverlapIsTheSharedWeight) {
  const Tensor other = Tensor::from(std::vector<float>{1, 0, 0, 0.25f, 0.75f, 0, 0.6f, 0.3f, 0.1f}, {3, 3});
  EXPECT_NEAR(overlap(Tensor::from(kCausal, {3, 3}), other), 0.7833333, 1e-6);
  EXPECT_NEAR(overlap(other, other), 1, 1e-6);
  EXPECT_NEAR(diagonal_weight(Tensor::from(kCausal, {3, 3})), 0.6666667, 1e-6);
}

TEST(AttentionMaps, SymmetryComparesTheTwoPartsOfAMatrix) {
  EXPECT_NEAR(symmetry(Tensor::from(std::vector<float>{1, 2, -1, 0, 3, 4, 5, 1, 2}, {3, 3})), -0.6961538, 1e-6);
  EXPECT_NEAR(symmetry(Tensor::from(std::vector<float>{5, 7, 7, 9}, {2, 2})), 1, 1e-6);
  EXPECT_NEAR(symmetry(Tensor::from(std::vector<float>{4, 6, 2, 4}, {2, 2})), -1, 1e-6);
}

// Rebuilt maps against the softmax of the rebuilt scores, for a head that shares its key with another.
TEST(AttentionMaps, MapsAreTheSoftmaxOfTheScores) {
  ParameterStore store(1, true);
  NetworkOptions options{.vocab_size = 11, .hidden_size = 32, .layers = 2, .heads = 4, .key_value_heads = 2, .ffn_size = 32};
  options.causal = false;
  options.qk_gain = 20;
  const Network network(options, store);
  const TokenBatch batch{{1, 2, 3, 4, 5, 6, 7, 8, 9}, Segments::of_lengths(std::vector<int32_t>{4, 5})};
  int layers = 0;
  look_at_attention(network, batch, [&](const AttentionRecord& record) {
    ++layers;
    const std::vector<Tensor> maps = maps_of(record, 1);
    ASSERT_EQ(maps.size(), 4u);
    for (int head = 0; head < 4; ++head) {
      const Tensor scores = score_matrix(record, 1, head);
      ASSERT_EQ(scores.shape(), (Shape{5, 5}));
      for (int i = 0; i < 5; ++i) {
        double sum = 0;
        for (int j = 0; j < 5; ++j) sum += std::exp(static_cast<double>(scores.host<float>()[i * 5 + j]));
        for (int j = 0; j < 5; ++j) EXPECT_NEAR(maps[head].host<float>()[i * 5 + j], std::exp(scores.host<float>()[i * 5 + j]) / sum, 1e-5);
      }
    }
  });
  EXPECT_EQ(layers, 2);
}

}  // namespace
}  // namespace qkv::lab
