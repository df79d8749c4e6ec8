#include "lab/record/claim.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lab/record/experiment.h"

namespace qkv::lab {
namespace {

// Five values around `center`, `spread` apart.
std::vector<double> around(double center, double spread) {
  return {center - spread, center - spread / 2, center, center + spread / 2, center + spread};
}
std::vector<double> factors_around(double center, double spread) {
  std::vector<double> values = around(0, spread);
  for (double& value : values) value = center * std::exp(value);
  return values;
}

// Quantities that must bring a claim this verdict: well inside of its bounds, well outside, and across the nearest one.
std::vector<double> quantities_for(const Claim& claim, Verdict verdict) {
  if (claim.kind == Claim::Kind::ratio) {
    const bool above = std::isfinite(claim.high) && claim.low <= 0;  // "at most"
    const double bound = above ? claim.high : claim.low;
    if (verdict == Verdict::undecided) return factors_around(bound, 1);
    const bool larger = (verdict == Verdict::supported) != above;
    if (!above && std::isfinite(claim.high) && larger) return factors_around(std::sqrt(claim.low * claim.high), 1e-4);
    return factors_around(larger ? bound * 2 : bound / 2, 1e-3);
  }
  const bool both = std::isfinite(claim.low) && std::isfinite(claim.high);
  const double bound = std::isfinite(claim.low) ? claim.low : claim.high;
  const double step = both ? (claim.high - claim.low) / 2 : 1 + std::abs(bound);
  if (verdict == Verdict::undecided) return around(bound, step);
  const bool larger = (verdict == Verdict::supported) == std::isfinite(claim.low);
  return around(larger ? bound + step : bound - step, step / 1000);
}

std::vector<std::vector<double>> all_for(const std::vector<Claim>& claims, Verdict verdict) {
  std::vector<std::vector<double>> all;
  for (const Claim& claim : claims) all.push_back(quantities_for(claim, verdict));
  return all;
}

TEST(Claims, EveryQuestionCanComeToEachVerdict) {
  for (const Experiment& experiment : experiments()) {
    SCOPED_TRACE(experiment.name);
    EXPECT_EQ(experiment.claims.empty(), experiment.name.ends_with("_rates"));  // those only try learning rates
    for (const Verdict verdict : {Verdict::supported, Verdict::undecided}) {
      for (const Finding& finding : judge(experiment.claims, all_for(experiment.claims, verdict))) EXPECT_EQ(finding.verdict, verdict);
    }
    for (size_t i = 0; i < experiment.claims.size(); ++i) {
      SCOPED_TRACE(experiment.claims[i].text);
      auto quantities = all_for(experiment.claims, Verdict::supported);
      quantities[i] = quantities_for(experiment.claims[i], Verdict::not_seen);
      const std::vector<Finding> findings = judge(experiment.claims, quantities);
      EXPECT_EQ(findings[i].verdict, Verdict::not_seen);
    }
  }
}

TEST(Claims, NameArmsOfTheirExperiment) {
  for (const Experiment& experiment : experiments()) {
    for (const Claim& claim : experiment.claims) {
      for (const std::string& arm : {claim.arm, claim.baseline}) {
        if (arm.empty() && claim.kind == Claim::Kind::value) continue;
        EXPECT_NE(std::find(experiment.arms.begin(), experiment.arms.end(), arm), experiment.arms.end())
            << experiment.name << ": " << claim.text << ": " << arm;
      }
    }
  }
}

Record record_of(const std::string& arm, int64_t seed, double value) {
  Record record{.experiment = "x", .arm = arm, .seed = seed};
  record.outcome.values["v"] = value;
  return record;
}

TEST(Claims, PairsRunsOfTheSameSeedAndLeavesOutTheOthers) {
  const Records records({record_of("a", 1, 5), record_of("b", 1, 2), record_of("a", 2, 8), record_of("b", 2, 4), record_of("a", 3, 100)});
  EXPECT_EQ(quantities(more_by("", "v", "a", "b", 0), records), (std::vector<double>{3, 4}));
  EXPECT_EQ(quantities(times_at_least("", "v", "a", "b", 1), records), (std::vector<double>{2.5, 2}));
}

TEST(Claims, ADivergedRunDecidesNothing) {
  const std::vector<Claim> claims{more_by("", "v", "a", "b", 0)};
  EXPECT_EQ(judge(claims, {{1, 1.1, std::nan(""), 1.2, 0.9}})[0].verdict, Verdict::undecided);
}

TEST(Claims, CorrectionForSeveralTestsCanTakeAVerdictAway) {
  // p = 0.028 alone; with three others that say nothing four times that.
  const Claim claim = more_by("", "v", "a", "b", 0);
  EXPECT_EQ(judge({claim}, {around(1.2, 1)})[0].verdict, Verdict::supported);
  EXPECT_EQ(judge({claim, claim, claim, claim}, {around(1.2, 1), around(0, 1), around(0, 1), around(0, 1)})[0].verdict, Verdict::undecided);
}

}  // namespace
}  // namespace qkv::lab
