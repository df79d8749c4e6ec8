#include "evaluate/comparison.h"

#include <algorithm>
#include <cmath>

#include "base/cancellation.h"
#include "base/option_error.h"
#include "base/parallel.h"
#include "evaluate/scores.h"

namespace qkv {
namespace {

// Scores of resamples: [system][measure][sample].
using ResampledScores = std::vector<std::vector<std::vector<double>>>;

ResampledScores score_resamples(const std::vector<std::vector<LineCounts>>& systems, std::span<const Measure> wanted,
                                const ComparisonOptions& options, const LineSampler& sampler) {
  const auto samples = static_cast<size_t>(options.resamples);
  ResampledScores scores(systems.size(), std::vector(wanted.size(), std::vector<double>(samples)));
  parallel_for(options.resamples, [&](int64_t sample) {
    throw_if_cancelled(options.scoring.cancellation);
    std::vector<uint32_t> lines(systems.front().size());
    sampler(sample, lines);
    for (size_t s = 0; s < systems.size(); ++s) {
      LineCounts sum;
      for (const uint32_t line : lines) sum += systems[s][line];
      for (size_t m = 0; m < wanted.size(); ++m) scores[s][m][static_cast<size_t>(sample)] = wanted[m].score(sum, options.scoring);
    }
  });
  return scores;
}

LineCounts sum_of(std::span<const LineCounts> lines) {
  LineCounts sum;
  for (const LineCounts& line : lines) sum += line;
  return sum;
}

std::vector<Measure> wanted_measures(ReferenceLists references, const ComparisonOptions& options) {
  std::vector<Measure> wanted =
      measures(options.scoring, references.size(), fmt::format("bs:{}|seed:{}|rng:philox", options.resamples, options.seed));
  const bool bleu = std::any_of(references.begin(), references.end(),
                                [&](const std::vector<std::string>& list) { return bleu_is_defined(list, options.scoring.tokenization); });
  if (!bleu) wanted.erase(wanted.begin());
  return wanted;
}

}  // namespace

std::vector<MeasureComparison> compare_systems(std::span<const std::vector<std::string>> systems, ReferenceLists references,
                                               const ComparisonOptions& options, const LineSampler& sampler) {
  if (systems.size() < 2)
    fail(ErrorCode::bad_input, "a comparison needs two systems or more, the baseline first; there is {}", systems.size());
  std::vector<std::vector<LineCounts>> counts;
  for (const std::vector<std::string>& system : systems) counts.push_back(count_lines(system, references, {.scoring = options.scoring}));
  const std::vector<Measure> wanted = wanted_measures(references, options);
  const ResampledScores resampled = score_resamples(counts, wanted, options, sampler);
  std::vector<MeasureComparison> result;
  for (size_t m = 0; m < wanted.size(); ++m) {
    MeasureComparison& comparison = result.emplace_back();
    comparison.name = wanted[m].name;
    comparison.signature = wanted[m].signature;
    comparison.lower_is_better = wanted[m].lower_is_better;
    for (size_t s = 0; s < systems.size(); ++s) {
      const ConfidenceInterval interval = confidence_interval(resampled[s][m]);
      MeasureComparison::System& system = comparison.systems.emplace_back();
      system = {.score = wanted[m].score(sum_of(counts[s]), options.scoring),
                .mean = interval.mean,
                .interval = interval.half_width,
                .p_value = {}};
      if (s > 0) system.p_value = paired_p_value(resampled[0][m], resampled[s][m], std::abs(comparison.systems[0].score - system.score));
    }
  }
  return result;
}

}  // namespace qkv
