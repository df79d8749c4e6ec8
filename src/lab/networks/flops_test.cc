#include "lab/networks/flops.h"
#include "nn/uniform_config.h"

#include <gtest/gtest.h>

#include <vector>

namespace qkv::lab {
namespace {

// Counted by hand for h = 10, FFN 20, 7 words, one layer a side: a layer's projections have 4 * 100 weights, its FFN 2 * 200.
TEST(Flops, OfADecoderAloneEqualTheCountByHand) {
  const UniformConfig config{.kind = Kind::decoder_only,
                             .vocab_size = 7,
                             .hidden_size = 10,
                             .encoder_layers = 0,
                             .decoder_layers = 1,
                             .encoder_ffn_dim = 0,
                             .decoder_ffn_dim = 20};
  const Segments target = Segments::of_lengths(std::vector<int32_t>{3, 5});
  // Weights: 2 * 8 tokens * (800 + 70). Scores and their sums over values: half of 2 * 2 * 10 * (9 + 25).
  EXPECT_DOUBLE_EQ(training_flops(config, Segments(), target), 3 * (2 * 8 * 870 + 2 * 10 * 34));
}

TEST(Flops, OfAnEncoderWithADecoderEqualTheCountByHand) {
  const UniformConfig config{
      .vocab_size = 7, .hidden_size = 10, .encoder_layers = 1, .decoder_layers = 1, .encoder_ffn_dim = 20, .decoder_ffn_dim = 20};
  const Segments source = Segments::of_lengths(std::vector<int32_t>{4}), target = Segments::of_lengths(std::vector<int32_t>{3});
  const double encoder = 2 * 4 * 800 + 4 * 10 * 16, decoder = 2 * 3 * 870 + 2 * 10 * 9;
  const double cross = 2 * 3 * 200 + 2 * 4 * 200 + 4 * 10 * 12;  // q and out of 3 tokens, k and v of 4, and 3 * 4 scores
  EXPECT_DOUBLE_EQ(training_flops(config, source, target), 3 * (encoder + decoder + cross));
}

}  // namespace
}  // namespace qkv::lab
