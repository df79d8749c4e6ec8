#include "models/parameter_count.h"

#include <algorithm>

namespace qkv {
namespace {

// "encoder.layers.3.self_attention.q_proj.weight" -> "encoder.self_attention"; norms of a stack -> "encoder.norms".
std::string part_of(std::string_view name) {
  const auto next = [&] {
    const size_t dot = name.find('.');
    const std::string_view word = name.substr(0, dot);
    name.remove_prefix(dot == std::string_view::npos ? name.size() : dot + 1);
    return word;
  };
  const std::string_view stack = next();
  std::string_view module = next();
  if (module == "layers") {
    next();
    module = next();
  }
  if (module == "weight" || module == "bias") return std::string(stack);
  return std::string(stack) + "." + std::string(module.ends_with("norm") ? "norms" : module);
}

// Sort key: embedding, encoder, decoder, head; within each the modules, then the norms.
int rank(std::string_view part) {
  return 2 * (part.starts_with("encoder") + 2 * part.starts_with("decoder") + 3 * part.starts_with("head")) + part.ends_with("norms");
}

}  // namespace

std::vector<std::pair<std::string, int64_t>> count_by_part(const ParameterStore& parameters) {
  std::vector<std::pair<std::string, int64_t>> parts;
  for (const Parameter& parameter : parameters.all()) {
    const std::string part = part_of(parameter.name);
    auto found = std::find_if(parts.begin(), parts.end(), [&](const auto& known) { return known.first == part; });
    if (found == parts.end()) found = parts.insert(parts.end(), {part, 0});
    found->second += parameter.value.numel();
  }
  // A stack's norms are interleaved with its other modules; the sort puts them last.
  std::stable_sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return rank(a.first) < rank(b.first); });
  return parts;
}

}  // namespace qkv
