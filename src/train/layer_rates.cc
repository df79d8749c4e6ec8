#include "train/layer_rates.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace qkv {
namespace {

// "encoder.layers.3.feed_forward.fc1.weight" lies in layer 3 of stack "encoder".
struct Place {
  std::string_view stack;
  int layer = 0;
};

std::optional<Place> place_of(std::string_view name) {
  constexpr std::string_view kLayers = ".layers.";
  const size_t found = name.find(kLayers);
  if (found == name.npos) return std::nullopt;
  Place place{name.substr(0, found)};
  const std::string_view number = name.substr(found + kLayers.size());
  std::from_chars(number.data(), number.data() + number.size(), place.layer);
  return place;
}

// Embeddings of tokens, token types and positions with their norm, and tables of relative positions that all layers share.
bool below_layers(std::string_view name) { return name.find("embed") != name.npos || name.find("relative_") != name.npos; }

}  // namespace

std::vector<double> layer_rates(const ParameterStore& parameters, double decay) {
  std::map<std::string_view, int> layers;
  for (const Parameter& parameter : parameters.all()) {
    if (const auto place = place_of(parameter.name)) layers[place->stack] = std::max(layers[place->stack], place->layer + 1);
  }
  int deepest = 0;
  for (const auto& [stack, count] : layers) deepest = std::max(deepest, count);
  std::vector<double> rates;
  for (const Parameter& parameter : parameters.all()) {
    const auto place = place_of(parameter.name);
    const int steps = place ? layers[place->stack] - place->layer : below_layers(parameter.name) ? deepest + 1 : 0;
    rates.push_back(std::pow(decay, steps));
  }
  return rates;
}

}  // namespace qkv
