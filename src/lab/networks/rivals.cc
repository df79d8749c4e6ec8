#include "lab/networks/rivals.h"

#include <fmt/format.h>

#include <cmath>

namespace qkv::lab {

NetworkOptions classical_recurrence(Mixer cell, int layers, int hidden_size) {
  NetworkOptions options{.hidden_size = hidden_size, .layers = layers, .heads = 1, .ffn_size = 0, .mixer = cell};
  options.norm_place = NormPlace::none;
  options.residual = false;
  options.position = Position::none;
  return options;
}

NetworkOptions dilated_convolutions(int layers, int hidden_size) {
  NetworkOptions options{.hidden_size = hidden_size, .layers = layers, .heads = 1, .ffn_size = 0, .mixer = Mixer::convolution};
  options.position = Position::none;
  options.width = 2;
  options.dilated = true;
  return options;
}

NetworkOptions convolutions_with_attention(int layers, int hidden_size, int heads) {
  NetworkOptions options = dilated_convolutions(layers, hidden_size);
  options.heads = heads;
  options.mixers.assign(static_cast<size_t>(layers), Mixer::convolution);
  options.mixers.back() = Mixer::attention;
  return options;
}

NetworkOptions rotary_transformer(int layers, int hidden_size, int ffn_size) {
  NetworkOptions options{.hidden_size = hidden_size, .layers = layers, .heads = 4, .ffn_size = ffn_size, .position = Position::rope};
  // W_Q and W_K start with deviation 1/√d, as Xavier's do.
  options.qk_gain = 1 / (options.initializer_range * std::sqrt(static_cast<float>(hidden_size)));
  return options;
}

RateArm parse_rate_arm(const std::string& name) {
  const size_t at = name.find('@');
  return {name.substr(0, at), std::stod(name.substr(at + 1))};
}

std::vector<std::string> arms_with_rates(const std::string& arm, const Rates& rates) {
  std::vector<std::string> names;
  for (double rate = rates.lowest; rate < 1.01 * rates.highest; rate *= 2) names.push_back(fmt::format("{}@{}", arm, rate));
  return names;
}

}  // namespace qkv::lab
