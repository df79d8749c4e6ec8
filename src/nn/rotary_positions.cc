#include "nn/rotary_positions.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace qkv {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;

// The (fractional) index of the pair that completes `turns` rotations within the original length (Peng et al. 2023, section 3.2).
double pair_of_turns(const RopeOptions& o, double turns) {
  return o.rotary_dim * std::log(static_cast<double>(o.original_max_positions) / (turns * kTurn)) / (2 * std::log(o.theta));
}

void interpolate_yarn(const RopeOptions& o, std::vector<double>& frequencies) {
  double low = pair_of_turns(o, o.beta_fast), high = pair_of_turns(o, o.beta_slow);
  if (o.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, o.rotary_dim - 1.0);
  if (low == high) high += 0.001;
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double interpolated = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    frequencies[i] *= interpolated / o.factor + (1 - interpolated);
  }
}

void interpolate_llama3(const RopeOptions& o, std::vector<double>& frequencies) {
  for (double& frequency : frequencies) {
    const double turns = static_cast<double>(o.original_max_positions) * frequency / kTurn;
    const double kept = std::clamp((turns - o.low_freq_factor) / (o.high_freq_factor - o.low_freq_factor), 0.0, 1.0);
    frequency *= kept + (1 - kept) / o.factor;
  }
}

double yarn_scale(double factor, double mscale) { return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1; }

}  // namespace

void validate(const RopeOptions& o) {
  const auto more_than = [](const char* key, double value, double least) {
    QKV_REQUIRE(value > least, "\"{}\" of the rotary positions is {}; it must be more than {}", key, value, least);
  };
  more_than("rope_theta", o.theta, 1);
  more_than("factor", o.factor, 0);
  QKV_REQUIRE(std::isfinite(o.query_growth) && o.query_growth >= 0, "\"llama_4_scaling_beta\" is {}; it must be 0 or more", o.query_growth);
  const bool has_original =
      o.query_growth != 0 || (o.scaling != RopeScaling::none && o.scaling != RopeScaling::linear && o.scaling != RopeScaling::ntk_alpha);
  if (has_original) more_than("original_max_position_embeddings", static_cast<double>(o.original_max_positions), 0);
  if (o.scaling == RopeScaling::llama3) {
    more_than("low_freq_factor", o.low_freq_factor, 0);
    more_than("high_freq_factor", o.high_freq_factor, o.low_freq_factor);
  }
  if (o.scaling == RopeScaling::longrope) {
    for (const double factor : o.short_factors) more_than("short_factor", factor, 0);
    for (const double factor : o.long_factors) more_than("long_factor", factor, 0);
    if (o.factor > 1) more_than("original_max_position_embeddings", static_cast<double>(o.original_max_positions), 1);
  }
  if (o.scaling == RopeScaling::yarn) {
    more_than("beta_fast", o.beta_fast, 0);
    more_than("beta_slow", o.beta_slow, 0);
  }
  if (o.scaling == RopeScaling::yarn || o.scaling == RopeScaling::longrope) {
    const double factor = rope_attention_factor(o);
    QKV_REQUIRE(factor > 0 && std::isfinite(factor),
                "\"attention_factor\", \"mscale\" and \"mscale_all_dim\" of the rotary positions scale them by {}; it must be more than 0",
                factor);
  }
}

RopeOptions used_options(const RopeOptions& options) {
  RopeOptions used{.rotary_dim = options.rotary_dim, .theta = options.theta, .layout = options.layout, .scaling = options.scaling};
  used.query_growth = options.query_growth;
  if (options.query_growth != 0) used.original_max_positions = options.original_max_positions;
  if (options.scaling == RopeScaling::none) return used;
  used.factor = options.factor;
  if (options.scaling == RopeScaling::linear || options.scaling == RopeScaling::ntk_alpha) return used;
  used.original_max_positions = options.original_max_positions;
  if (options.scaling == RopeScaling::dynamic) return used;
  if (options.scaling == RopeScaling::longrope) {
    used.attention_factor = options.attention_factor;
    used.short_factors = options.short_factors;
    used.long_factors = options.long_factors;
    return used;
  }
  if (options.scaling == RopeScaling::yarn) {
    RopeOptions yarn = options;
    yarn.low_freq_factor = used.low_freq_factor;
    yarn.high_freq_factor = used.high_freq_factor;
    yarn.short_factors = yarn.long_factors = {};
    return yarn;
  }
  used.low_freq_factor = options.low_freq_factor;
  used.high_freq_factor = options.high_freq_factor;
  return used;
}

bool angles_depend_on_length(const RopeOptions& o, int64_t length) {
  return (o.scaling == RopeScaling::dynamic || o.scaling == RopeScaling::longrope) && length > o.original_max_positions;
}

std::vector<double> rope_frequencies(const RopeOptions& o, int64_t length) {
  QKV_REQUIRE(o.rotary_dim > 0 && o.rotary_dim % 2 == 0, "[rope] rotary_dim is {}; it must be even and positive", o.rotary_dim);
  validate(o);
  double theta = o.theta;
  if (o.scaling == RopeScaling::ntk_alpha) {
    QKV_REQUIRE(o.rotary_dim > 2, "[rope] a scaled base needs more than one pair");
    theta *= std::pow(o.factor, o.rotary_dim / (o.rotary_dim - 2.0));
  }
  if (o.scaling == RopeScaling::dynamic && length > o.original_max_positions) {
    QKV_REQUIRE(o.rotary_dim > 2, "[rope] a scaled base needs more than one pair");
    const double stretch = o.factor * static_cast<double>(length) / static_cast<double>(o.original_max_positions) - (o.factor - 1);
    theta *= std::pow(stretch, o.rotary_dim / (o.rotary_dim - 2.0));
  }
  std::vector<double> frequencies(static_cast<size_t>(o.rotary_dim / 2));
  for (size_t i = 0; i < frequencies.size(); ++i) frequencies[i] = std::pow(theta, -2.0 * static_cast<double>(i) / o.rotary_dim);
  if (o.scaling == RopeScaling::linear) {
    for (double& frequency : frequencies) frequency /= o.factor;
  }
  if (o.scaling == RopeScaling::longrope) {
    const std::vector<double>& factors = angles_depend_on_length(o, length) ? o.long_factors : o.short_factors;
    QKV_REQUIRE(factors.size() == frequencies.size(), "[rope] longrope has {} factors for {} pairs", factors.size(), frequencies.size());
    for (size_t i = 0; i < factors.size(); ++i) frequencies[i] /= factors[i];
  }
  if (o.scaling == RopeScaling::yarn) interpolate_yarn(o, frequencies);
  if (o.scaling == RopeScaling::llama3) interpolate_llama3(o, frequencies);
  return frequencies;
}

double rope_attention_factor(const RopeOptions& o) {
  if (o.scaling != RopeScaling::yarn && o.scaling != RopeScaling::longrope) return 1;
  if (o.attention_factor != 0) return o.attention_factor;
  if (o.scaling == RopeScaling::longrope) {
    return o.factor <= 1 ? 1 : std::sqrt(1 + std::log(o.factor) / std::log(static_cast<double>(o.original_max_positions)));
  }
  if (o.mscale != 0 && o.mscale_all_dim != 0) return yarn_scale(o.factor, o.mscale) / yarn_scale(o.factor, o.mscale_all_dim);
  return yarn_scale(o.factor, 1);
}

RopeTables rope_tables(const RopeOptions& options, int64_t first, int64_t count, int64_t length, Device device) {
  const std::vector<double> frequencies = rope_frequencies(options, length);
  const double factor = rope_attention_factor(options);
  std::vector<float> cosines, sines, query_cosines, query_sines;
  for (int64_t position = first; position < first + count; ++position) {
    const int64_t lengths = options.query_growth != 0 ? position / options.original_max_positions : 0;  // how often it is passed
    const double growth = 1 + options.query_growth * std::log1p(static_cast<double>(lengths));
    for (const double frequency : frequencies) {
      const double cosine = factor * std::cos(static_cast<double>(position) * frequency);
      const double sine = factor * std::sin(static_cast<double>(position) * frequency);
      cosines.push_back(static_cast<float>(cosine));
      sines.push_back(static_cast<float>(sine));
      if (options.query_growth == 0) continue;
      query_cosines.push_back(static_cast<float>(growth * cosine));
      query_sines.push_back(static_cast<float>(growth * sine));
    }
  }
  const Shape shape{count, static_cast<int64_t>(frequencies.size())};
  const DType dtype = device == Device::reference ? DType::f64 : DType::f32;
  const auto table = [&](const std::vector<float>& values) {
    return values.empty() ? Tensor() : Tensor::from(values, shape, dtype, device);
  };
  return {table(cosines), table(sines), table(query_cosines), table(query_sines)};
}

}  // namespace qkv
