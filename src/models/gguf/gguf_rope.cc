#include "models/gguf/gguf_rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace qkv {
namespace {

// Llama 3's scaling: llama.cpp stores the divisor of each frequency instead of the parameters.
constexpr double kLowFrequencies = 1, kHighFrequencies = 4;  // of all Llama 3

double divisor(double wavelength, double factor, double original) {
  if (wavelength < original / kHighFrequencies) return 1;
  if (wavelength > original / kLowFrequencies) return factor;
  const double smooth = (original / wavelength - kLowFrequencies) / (kHighFrequencies - kLowFrequencies);
  return 1 / ((1 - smooth) / factor + smooth);
}

// The length used in training that gives these divisors, rounded; 0 if none can.
double original_length(const std::vector<float>& divisors, const std::vector<double>& wavelengths, double factor) {
  for (size_t i = 0; i < divisors.size(); ++i) {
    if (divisors[i] <= 1.0001f || divisors[i] >= 0.9999f * static_cast<float>(factor)) continue;
    const double smooth = (1 / static_cast<double>(divisors[i]) - 1 / factor) / (1 - 1 / factor);
    return std::round(wavelengths[i] * (kLowFrequencies + smooth * (kHighFrequencies - kLowFrequencies)));
  }
  for (size_t i = 0; i < divisors.size(); ++i) {
    if (divisors[i] > 1) return std::floor(wavelengths[i]);
  }
  return 0;
}

std::vector<float> factors_of(const GgufKeys& in, const StoredTensor& stored, int64_t count) {
  const Tensor values = Tensor::empty(stored.shape, DType::f32);
  if ((count > 0 && stored.shape != Shape{count}) || stored.shape.size() != 1 || !read_values(stored, values)) {
    fail(ErrorCode::bad_input, "{}: a tensor of rotary factors is {}", in.file(), to_string(stored.shape));
  }
  return values.to_vector();
}

nlohmann::json llama3_parameters(const GgufKeys& in, const StoredTensor& stored, double theta, int64_t rotary_dim) {
  const std::vector<float> divisors = factors_of(in, stored, rotary_dim / 2);
  const double factor = *std::max_element(divisors.begin(), divisors.end());
  std::vector<double> wavelengths;
  for (size_t i = 0; i < divisors.size(); ++i) {
    wavelengths.push_back(2 * std::numbers::pi * std::pow(theta, 2 * static_cast<double>(i) / static_cast<double>(rotary_dim)));
  }
  const double original = original_length(divisors, wavelengths, factor);
  for (size_t i = 0; i < divisors.size(); ++i) {
    const double expected = divisor(wavelengths[i], factor, original);
    if (original >= 1 && original < 1e9 && std::abs(divisors[i] - expected) <= 1e-4 * expected) continue;
    fail(ErrorCode::unsupported, "{}: the divisors of frequencies in \"rope_freqs.weight\" are not those of Llama 3", in.file());
  }
  return {{"rope_type", "llama3"},
          {"factor", factor},
          {"low_freq_factor", kLowFrequencies},
          {"high_freq_factor", kHighFrequencies},
          {"original_max_position_embeddings", static_cast<int64_t>(original)}};
}

void read_scaling(GgufKeys& in, const std::string& type, nlohmann::json& rope) {
  if (type != "linear" && type != "yarn") {
    fail(ErrorCode::unsupported, "{}: the scaling of rotary positions is \"{}\"; there are none, linear and yarn", in.file(),
         shortened(type, 60));
  }
  rope["rope_type"] = type;
  const auto put = [&](const char* theirs, const char* key) {
    if (const auto value = in.number(theirs)) rope[key] = *value;
  };
  put("rope.scaling.factor", "factor");
  if (const auto length = in.integer("rope.scaling.original_context_length")) rope["original_max_position_embeddings"] = *length;
  put("rope.scaling.yarn_beta_fast", "beta_fast");
  put("rope.scaling.yarn_beta_slow", "beta_slow");
  in.integer("rope.scaling.finetuned");
}

}  // namespace

std::vector<float> read_gguf_factors(const GgufKeys& in, const StoredTensor& stored) { return factors_of(in, stored, 0); }

void read_gguf_rope(GgufKeys& in, int64_t head_dim, nlohmann::json& config) {
  nlohmann::json rope = {{"rope_type", "default"}};
  const double theta = in.number("rope.freq_base").value_or(10000);
  const int64_t rotary_dim = in.integer("rope.dimension_count").value_or(head_dim);
  const std::string type = in.text("rope.scaling.type").value_or("none");
  if (type != "none" && type != "longrope") read_scaling(in, type, rope);
  if (const StoredTensor* divisors = in.tensor("rope_freqs.weight")) rope = llama3_parameters(in, *divisors, theta, rotary_dim);
  rope["rope_theta"] = theta;
  if (rotary_dim != head_dim) rope["partial_rotary_factor"] = static_cast<double>(rotary_dim) / static_cast<double>(head_dim);
  config["rope_parameters"] = rope;
}

}  // namespace qkv
