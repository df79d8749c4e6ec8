#include "models/gguf/gguf_rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace qkv {
namespace {

using nlohmann::json;

// Llama 3's scaling: llama.cpp stores the divisor of each frequency instead of the parameters.
constexpr double kLowFrequencies = 1, kHighFrequencies = 4;  // of all Llama 3

constexpr const char* kDivisors = "rope_freqs.weight";
constexpr const char* kLongFactors = "rope_factors_long.weight";
constexpr const char* kShortFactors = "rope_factors_short.weight";
constexpr const char* kOriginalLength = "rope.scaling.original_context_length";
constexpr const char* kType = "rope.scaling.type";

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

std::vector<double> wavelengths_of(double theta, int64_t rotary_dim) {
  std::vector<double> wavelengths;
  for (int64_t i = 0; i < rotary_dim / 2; ++i) {
    wavelengths.push_back(2 * std::numbers::pi * std::pow(theta, 2 * static_cast<double>(i) / static_cast<double>(rotary_dim)));
  }
  return wavelengths;
}

json llama3_parameters(const GgufKeys& in, const StoredTensor& stored, double theta, int64_t rotary_dim) {
  const std::vector<float> divisors = factors_of(in, stored, rotary_dim / 2);
  const double factor = *std::max_element(divisors.begin(), divisors.end());
  const std::vector<double> wavelengths = wavelengths_of(theta, rotary_dim);
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

// Linear scaling and YaRN.
void map_scaling(GgufKeys& keys, json& rope) {
  keys.map_number("rope.scaling.factor", rope, "factor");
  if (rope["rope_type"] != "yarn") return;
  keys.map_integer(kOriginalLength, rope, "original_max_position_embeddings");
  keys.map_number("rope.scaling.yarn_beta_fast", rope, "beta_fast");
  keys.map_number("rope.scaling.yarn_beta_slow", rope, "beta_slow");
}

void read_scaling(GgufKeys& keys, const std::string& type, json& rope) {
  if (type != "linear" && type != "yarn") {
    fail(ErrorCode::unsupported, "{}: the scaling of rotary positions is \"{}\"; there are none, linear and yarn", keys.file(),
         shortened(type, 60));
  }
  rope["rope_type"] = type;
  map_scaling(keys, rope);
  keys.integer(kOriginalLength);
  keys.flag("rope.scaling.finetuned");
}

void read_rope_keys(GgufKeys& keys, int64_t head_dim, bool partial, json& config) {
  json rope = {{"rope_type", "default"}};
  const double theta = keys.number("rope.freq_base").value_or(10000);
  const int64_t rotary_dim = keys.integer("rope.dimension_count").value_or(head_dim);
  const std::string type = keys.text(kType).value_or("none");
  if (type != "none" && type != "longrope") read_scaling(keys, type, rope);
  if (const StoredTensor* divisors = keys.tensor(kDivisors)) rope = llama3_parameters(keys, *divisors, theta, rotary_dim);
  rope["rope_theta"] = theta;
  if (partial || rotary_dim != head_dim) {
    rope["partial_rotary_factor"] = static_cast<double>(rotary_dim) / static_cast<double>(head_dim);
  }
  config["rope_parameters"] = rope;
}

std::vector<float> llama3_divisors(const json& rope, double theta, int64_t rotary_dim) {
  std::vector<float> divisors;
  for (const double wavelength : wavelengths_of(theta, rotary_dim)) {
    divisors.push_back(static_cast<float>(
        divisor(wavelength, rope.at("factor").get<double>(), rope.at("original_max_position_embeddings").get<double>())));
  }
  return divisors;
}

void write_rope_keys(GgufKeys& keys, int64_t head_dim, json& config) {
  json rope = config.value("rope_parameters", json::object());
  if (rope.contains("full_attention")) rope = json(rope["full_attention"]);
  if (!rope.contains("rope_type")) return;  // no layer rotates
  const double theta = rope.at("rope_theta").get<double>();
  const auto rotary_dim = std::lround(static_cast<double>(head_dim) * rope.value("partial_rotary_factor", 1.0));
  keys.put_number("rope.freq_base", theta);
  keys.put("rope.dimension_count", rotary_dim);
  const std::string type = rope["rope_type"].get<std::string>();
  if (type == "llama3") keys.put_tensor(kDivisors, llama3_divisors(rope, theta, rotary_dim));
  if (type != "linear" && type != "yarn") return;
  keys.put_text(kType, type);
  map_scaling(keys, rope);
}

}  // namespace

void map_gguf_rope(GgufKeys& keys, int64_t head_dim, bool partial, json& config) {
  if (keys.writing()) return write_rope_keys(keys, head_dim, config);
  read_rope_keys(keys, head_dim, partial, config);
}

void map_gguf_long_rope(GgufKeys& keys, json& config) {
  json& rope = config["rope_parameters"];
  keys.map_integer(kOriginalLength, config, "original_max_position_embeddings");
  if (!keys.writing()) {
    keys.number("rope.scaling.attn_factor");  // follows from the two lengths
    const StoredTensor *longer = keys.tensor(kLongFactors), *shorter = keys.tensor(kShortFactors);
    if (!longer || !shorter) return;
    rope["rope_type"] = "longrope";
    rope["long_factor"] = factors_of(keys, *longer, 0);
    rope["short_factor"] = factors_of(keys, *shorter, 0);
    return;
  }
  if (!rope.contains("long_factor")) return;
  keys.put_tensor(kLongFactors, rope["long_factor"].get<std::vector<float>>());
  keys.put_tensor(kShortFactors, rope["short_factor"].get<std::vector<float>>());
  const double original = config.at("original_max_position_embeddings").get<double>();
  const double scale = config.at("max_position_embeddings").get<double>() / original;
  keys.put_number("rope.scaling.attn_factor", scale > 1 ? std::sqrt(1 + std::log(scale) / std::log(original)) : 1);
}

}  // namespace qkv
