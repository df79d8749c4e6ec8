#include "nn/uniform_config.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace qkv {
namespace {

std::string message(const UniformConfig& config) {
  try {
    validate(config);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

UniformConfig small() {
  UniformConfig config{.vocab_size = 23, .hidden_size = 16, .num_attention_heads = 4, .num_key_value_heads = 2};
  config.encoder_layers = config.decoder_layers = 2;
  return config;
}

TEST(UniformConfig, HeadsThatDoNotDivideAreRefusedWithThePossibleOnes) {
  UniformConfig config = small();
  config.num_key_value_heads = 3;
  EXPECT_EQ(message(config), "num_key_value_heads 3 does not divide num_attention_heads 4; possible: 1, 2, 4");
  config.num_attention_heads = 5;
  EXPECT_EQ(message(config), "num_attention_heads 5 does not divide hidden_size 16; possible: 1, 2, 4, 8, 16");
  config.num_attention_heads = 0;
  EXPECT_EQ(message(config), "num_attention_heads is 0; it must be 1 to 65536");
}

TEST(UniformConfig, MoreLayersThanMemoryAreRefusedBeforeTheyAreMade) {
  UniformConfig config = small();
  config.decoder_layers = 1 << 30;
  EXPECT_EQ(message(config), "1073741824 layers are not possible; a stack has at most 1024");
}

// Every field, changed one at a time, survives the conversion to a list of layers and back.
TEST(UniformConfig, IsFoundAgainInTheLayers) {
  const auto round_trip = [](const UniformConfig& config) {
    const TransformerConfig layers = config;
    EXPECT_TRUE(is_uniform(layers));
    EXPECT_EQ(TransformerConfig(as_uniform(layers)), layers);
    return as_uniform(layers);
  };
  UniformConfig config = small();
  EXPECT_EQ(round_trip(config).head_dim, 0);
  config.head_dim = 8;  // 4 heads of 8 columns with a hidden size of 16
  EXPECT_EQ(round_trip(config).head_dim, 8);
  config.qk_norm = true;
  config.linear_bias = false;
  config.qkv_bias = true;
  config.position = Position::rope;
  config.sliding_window = 3;
  config.encoder_ffn_dim = 5;
  config.decoder_ffn_dim = 7;
  const UniformConfig found = round_trip(config);
  EXPECT_TRUE(found.qk_norm && found.qkv_bias && !found.linear_bias);
  EXPECT_EQ(found.position, Position::rope);
  EXPECT_EQ(found.rope.rotary_dim, 0);
  EXPECT_EQ(found.sliding_window, 3);
  EXPECT_EQ(found.encoder_ffn_dim, 5);
  EXPECT_EQ(found.decoder_ffn_dim, 7);
  for (const Position position : {Position::none, Position::sinusoidal, Position::learned, Position::alibi, Position::t5}) {
    config.position = position;
    EXPECT_EQ(round_trip(config).position, position);
  }
}

TEST(UniformConfig, WhatSharesWeightsOrNarrowsEmbeddingsIsNotForTwoStacks) {
  UniformConfig config = small();
  config.embedding_size = 8;
  EXPECT_EQ(message(config), "embeddings of another size are for an encoder or a decoder alone, and in a decoder have no norm");
  config.kind = Kind::encoder_only;
  config.decoder_layers = 0;
  config.encoder_layers = 4;
  config.layer_groups = 3;
  EXPECT_EQ(message(config), "4 layers do not make 3 groups of equal size");
  config.layer_groups = 2;
  config.position_offset = 2;
  config.position = Position::none;
  EXPECT_EQ(message(config), "position_offset is for a table of positions");
  config.position = Position::learned;
  EXPECT_EQ(message(config), "no error");
  TransformerConfig layers = config;
  layers.encoder[1].attention.window = 3;
  EXPECT_THROW(validate(layers), Error);
}

TEST(UniformConfig, LayersThatDifferAreNotUniform) {
  TransformerConfig config = small();
  config.decoder.back().attention.window = 4;
  EXPECT_FALSE(is_uniform(config));
  EXPECT_THROW(as_uniform(config), Error);
}

}  // namespace
}  // namespace qkv
