// Tests frequencies and factors against transformers (tools/golden/rope.py), and angles against the formula.
#include "nn/rotary_positions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "ops/ops.h"

namespace qkv {
namespace {

RopeOptions options_of(const nlohmann::json& golden) {
  const std::string type = golden["rope_type"];
  RopeOptions o;
  o.rotary_dim = golden["head_dim"];
  o.theta = golden["rope_theta"];
  o.scaling = type == "linear"      ? RopeScaling::linear
              : type == "dynamic"   ? RopeScaling::dynamic
              : type == "yarn"      ? RopeScaling::yarn
              : type == "longrope"  ? RopeScaling::longrope
              : type == "ntk_alpha" ? RopeScaling::ntk_alpha
                                    : RopeScaling::llama3;
  o.factor = golden["factor"];
  o.original_max_positions = golden.value("original_max_position_embeddings", 0);
  o.low_freq_factor = golden.value("low_freq_factor", o.low_freq_factor);
  o.high_freq_factor = golden.value("high_freq_factor", o.high_freq_factor);
  o.beta_fast = golden.value("beta_fast", o.beta_fast);
  o.beta_slow = golden.value("beta_slow", o.beta_slow);
  o.attention_factor = golden.value("attention_factor", 0.0);
  o.mscale = golden.value("mscale", 0.0);
  o.mscale_all_dim = golden.value("mscale_all_dim", 0.0);
  o.truncate = golden.value("truncate", true);
  o.short_factors = golden.value("short_factor", std::vector<double>{});
  o.long_factors = golden.value("long_factor", std::vector<double>{});
  return o;
}

TEST(RotaryPositions, FrequenciesOfEachScalingAreThoseOfTransformers) {
  const auto goldens = nlohmann::json::parse(read_file(std::string(QKV_SOURCE_DIR) + "/tests/goldens/rope/rope.json"));
  ASSERT_GE(goldens.size(), 10u);
  for (const auto& golden : goldens) {
    const RopeOptions options = options_of(golden);
    const std::vector<double> frequencies = rope_frequencies(options, golden["length"]);
    ASSERT_EQ(frequencies.size(), golden["frequencies"].size());
    for (size_t i = 0; i < frequencies.size(); ++i) {
      const double expected = golden["frequencies"][i];
      EXPECT_NEAR(frequencies[i], expected, 1e-5 * expected) << golden["rope_type"] << ", pair " << i;
    }
    EXPECT_NEAR(rope_attention_factor(options), golden["attention_scaling"].get<double>(), 1e-6) << golden["rope_type"];
  }
}

// R(m) q . R(n) k depends only on m - n (Su et al. 2021, eq. 16).
TEST(RotaryPositions, ProductsDependOnTheDistanceAlone) {
  for (const RotaryPairs layout : {RotaryPairs::halves, RotaryPairs::neighbours}) {
    const RopeTables tables = rope_tables({.rotary_dim = 8}, 0, 40, 40);
    const Tensor q = Tensor::from(std::vector<float>{1, 2, -3, 0.5f, 0.25f, -1, 2, 1}, {1, 8}),
                 k = Tensor::from(std::vector<float>{-1, 0.5f, 2, 1, 3, -2, 0.5f, 1}, {1, 8});
    const auto product = [&](int32_t m, int32_t n) {
      const std::vector<float> a = rope(q, tables.cosines, tables.sines, std::span(&m, 1), 1, layout).to_vector();
      const std::vector<float> b = rope(k, tables.cosines, tables.sines, std::span(&n, 1), 1, layout).to_vector();
      double sum = 0;
      for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
      return sum;
    };
    EXPECT_NEAR(product(5, 2), product(33, 30), 1e-4);
    EXPECT_NEAR(product(0, 7), product(20, 27), 1e-4);
    EXPECT_GT(std::abs(product(5, 2) - product(5, 3)), 1e-2);
  }
}

TEST(RotaryPositions, WhatCannotTurnIsNamed) {
  EXPECT_THROW(rope_frequencies({.rotary_dim = 7}, 1), Error);
  EXPECT_THROW(rope_frequencies({.rotary_dim = 8, .scaling = RopeScaling::yarn, .factor = 2}, 1), Error);
  EXPECT_THROW(rope_frequencies({.rotary_dim = 8, .scaling = RopeScaling::linear, .factor = 0}, 1), Error);
  const RopeOptions three_of_four{
      .rotary_dim = 8, .scaling = RopeScaling::longrope, .original_max_positions = 4, .short_factors = {1, 1, 1}, .long_factors = {}};
  EXPECT_THROW(rope_frequencies(three_of_four, 1), Error);
}

}  // namespace
}  // namespace qkv
