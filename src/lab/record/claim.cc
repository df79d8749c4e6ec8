#include "lab/record/claim.h"

#include <algorithm>
#include <cmath>

#include "lab/record/statistics.h"

namespace qkv::lab {

const char* name_of(Verdict verdict) {
  constexpr const char* names[] = {"supported", "not seen at this size", "not decided at this size"};
  return names[static_cast<int>(verdict)];
}

Claim more_by(std::string text, std::string value, std::string arm, std::string baseline, double by) {
  return {.text = text, .value = value, .arm = arm, .baseline = baseline, .low = by};
}
Claim less_by(std::string text, std::string value, std::string arm, std::string baseline, double by) {
  return {.text = text, .value = value, .arm = arm, .baseline = baseline, .high = -by};
}
Claim same_within(std::string text, std::string value, std::string arm, std::string baseline, double margin) {
  return {.text = text, .value = value, .arm = arm, .baseline = baseline, .low = -margin, .high = margin};
}
Claim times_at_least(std::string text, std::string value, std::string arm, std::string baseline, double factor) {
  return {.text = text, .value = value, .arm = arm, .baseline = baseline, .kind = Claim::Kind::ratio, .low = factor};
}
Claim times_at_most(std::string text, std::string value, std::string arm, std::string baseline, double factor) {
  return {.text = text, .value = value, .arm = arm, .baseline = baseline, .kind = Claim::Kind::ratio, .low = 0, .high = factor};
}
Claim between(std::string text, std::string value, std::string arm, double low, double high) {
  return {.text = text, .value = value, .arm = arm, .kind = Claim::Kind::value, .low = low, .high = high};
}

std::vector<double> quantities(const Claim& claim, const Records& records) {
  const bool paired = claim.kind != Claim::Kind::value;
  const std::vector<int64_t> seeds = records.seeds(paired ? std::vector{claim.arm, claim.baseline} : std::vector{claim.arm});
  std::vector<double> result = records.values(claim.arm, claim.value, seeds);
  if (!paired) return result;
  const std::vector<double> baseline = records.values(claim.baseline, claim.value, seeds);
  for (size_t i = 0; i < result.size(); ++i) {
    result[i] = claim.kind == Claim::Kind::ratio ? result[i] / baseline[i] : result[i] - baseline[i];
  }
  return result;
}

namespace {

// The test before Holm's correction.
Finding test(const Claim& claim, std::vector<double> values) {
  double low = claim.low, high = claim.high;
  const bool ratio = claim.kind == Claim::Kind::ratio;
  if (ratio) {
    for (double& value : values) value = std::log(value);
    low = std::log(low);  // log(0) is -infinity
    high = std::log(high);
  }
  Finding finding;
  if (values.empty() || !std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); })) return finding;
  finding.mean = mean(values);
  const double nearest = std::abs(finding.mean - low) < std::abs(finding.mean - high) ? low : high;
  finding.p = t_test(values, nearest);
  finding.verdict = finding.mean >= low && finding.mean <= high ? Verdict::supported : Verdict::not_seen;
  const double half = confidence_half_width(values);
  finding.low = finding.mean - half;
  finding.high = finding.mean + half;
  if (ratio) {
    for (double* value : {&finding.mean, &finding.low, &finding.high}) *value = std::exp(*value);
  }
  return finding;
}

}  // namespace

std::vector<Finding> judge(const std::vector<Claim>& claims, const std::vector<std::vector<double>>& quantities) {
  std::vector<Finding> findings;
  std::vector<double> p;
  for (size_t i = 0; i < claims.size(); ++i) {
    findings.push_back(test(claims[i], quantities[i]));
    p.push_back(findings.back().p);
  }
  const std::vector<double> corrected = holm(p);
  for (size_t i = 0; i < findings.size(); ++i) {
    findings[i].p = corrected[i];
    if (!(corrected[i] < 0.05)) findings[i].verdict = Verdict::undecided;
  }
  return findings;
}

}  // namespace qkv::lab
