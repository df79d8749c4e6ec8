#include "evaluate/measures/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/philox.h"

namespace qkv {
namespace {

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

LineSampler random_lines(uint64_t seed, size_t lines) {
  return [seed, lines](int64_t sample, std::span<uint32_t> numbers) {
    RandomStream random(seed, static_cast<uint32_t>(sample));
    for (uint32_t& number : numbers) number = static_cast<uint32_t>(random.below(lines));
  };
}

ConfidenceInterval confidence_interval(std::vector<double> scores) {
  std::sort(scores.begin(), scores.end());
  const size_t cut = scores.size() / 40;
  return {mean(scores), 0.5 * (scores[scores.size() - cut - 1] - scores[cut])};
}

double paired_p_value(std::span<const double> first, std::span<const double> second, double difference) {
  std::vector<double> differences;
  for (size_t i = 0; i < first.size(); ++i) differences.push_back(std::abs(second[i] - first[i]));
  if (difference == 0 && std::all_of(differences.begin(), differences.end(), [](double d) { return d == 0; })) return 1;
  const double expected = mean(differences);
  const auto larger = std::count_if(differences.begin(), differences.end(), [=](double d) { return d - expected > difference; });
  return static_cast<double>(larger + 1) / static_cast<double>(differences.size() + 1);
}

}  // namespace qkv
