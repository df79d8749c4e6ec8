// Bootstrap resampling of a corpus' lines (Efron 1979; for translations Koehn 2004), with sacreBLEU's interval and p-value.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace qkv {

// Fills in the numbers of the lines that a resample has; each line may come several times. Called from several threads.
using LineSampler = std::function<void(int64_t sample, std::span<uint32_t> lines)>;
// Draws each line with the same probability; a number depends on the seed, the sample and its place alone.
LineSampler random_lines(uint64_t seed, size_t lines);

// The mean, and half the width of the interval without 1/40 of the scores at each end.
struct ConfidenceInterval {
  double mean = 0, half_width = 0;
};
ConfidenceInterval confidence_interval(std::vector<double> scores);

// Probability of an absolute difference of at least `difference` if the systems are equally good. `first` and `second` are their scores on
// the same resamples. 1 if both always have the same score.
double paired_p_value(std::span<const double> first, std::span<const double> second, double difference);

}  // namespace qkv
