#include "models/weight_names.h"

#include <algorithm>
#include <utility>

namespace qkv {
namespace {

// Does `name` start with `pattern` and then end or continue with a dot? Sets `number` to the text matched by "{}" and `rest` to the
// remainder.
bool match(std::string_view pattern, std::string_view name, std::string_view& number, std::string_view& rest) {
  const size_t hole = pattern.find("{}");
  const std::string_view head = pattern.substr(0, hole);
  if (!name.starts_with(head)) return false;
  name.remove_prefix(head.size());
  number = {};
  if (hole != std::string_view::npos) {
    number = name.substr(0, std::min(name.find_first_not_of("0123456789"), name.size()));
    const std::string_view tail = pattern.substr(hole + 2);
    name.remove_prefix(number.size());
    if (number.empty() || !name.starts_with(tail)) return false;
    name.remove_prefix(tail.size());
  }
  rest = name;
  return rest.empty() || rest.front() == '.';
}

std::string with_prefix_changed(std::string_view prefix, const std::string& name) {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : std::string(prefix) + name;
}

}  // namespace

namespace {

const LayerConfig& layer_of(const TransformerConfig& network, std::string_view ours, std::string_view number) {
  const std::vector<LayerConfig>& layers = network.stack(ours.starts_with("encoder.") ? Side::encoder : Side::decoder);
  return layers.at(std::stoul(std::string(number)));
}

// The table entry of our weight; sets the layer's number and the text after the module's name. Null if there is none. Without a network
// no condition of an entry holds.
const WeightName* find_entry(const std::vector<WeightName>& names, const TransformerConfig* network, std::string_view ours,
                             std::string_view& number, std::string_view& rest) {
  for (const WeightName& weight : names) {
    if (!match(weight.ours, ours, number, rest)) continue;
    if (!weight.when || (network && weight.when(layer_of(*network, ours, number)))) return &weight;
  }
  return nullptr;
}

std::string name_of(const WeightName& weight, std::string_view number, std::string_view rest) {
  std::string name(weight.theirs);
  if (const size_t hole = name.find("{}"); hole != std::string::npos) name.replace(hole, 2, number);
  return name.append(rest);
}

}  // namespace

std::string their_name(const Architecture& architecture, std::string_view ours) {
  if (architecture.weights.empty()) return std::string(ours);
  std::string_view number, rest;
  const WeightName* weight = find_entry(architecture.weights, nullptr, ours, number, rest);
  return weight ? name_of(*weight, number, rest) : "";
}

namespace {

TheirWeight weight_named(const std::vector<WeightName>& names, const TransformerConfig& network, std::string_view ours) {
  std::string_view number, rest;
  const WeightName* weight = find_entry(names, &network, ours, number, rest);
  if (!weight) return {};
  FusedPart part = weight->part;
  if (part.of == FusedPart::Of::q_heads || part.of == FusedPart::Of::k_heads) {  // ".3.weight" is that of the fourth head
    const std::string_view digits = rest.substr(1, rest.find('.', 1) - 1);
    if (digits.empty() || digits.size() > 5 || digits.find_first_not_of("0123456789") != std::string_view::npos) return {};
    part.index = std::stoi(std::string(digits));
    rest.remove_prefix(1 + digits.size());
  }
  TheirWeight place{name_of(*weight, number, rest), weight->transposed, weight->less_one, weight->scalar, part};
  if (!place.is_whole()) place.layer = &layer_of(network, ours, number);
  return place;
}

}  // namespace

TheirWeight their_weight(const Architecture& architecture, const TransformerConfig& network, std::string_view ours) {
  return architecture.weights.empty() ? TheirWeight{std::string(ours)} : weight_named(architecture.weights, network, ours);
}

TheirWeight older_weight(const Architecture& architecture, const TransformerConfig& network, std::string_view ours) {
  return weight_named(architecture.older_weights, network, ours);
}

std::vector<std::string> spellings(const Architecture& architecture, const std::string& name) {
  std::vector<std::string> all{name};
  if (!architecture.base_prefix.empty()) all.push_back(with_prefix_changed(architecture.base_prefix, name));
  constexpr std::pair<std::string_view, std::string_view> kNorms[] = {{".LayerNorm.weight", ".LayerNorm.gamma"},
                                                                      {".LayerNorm.bias", ".LayerNorm.beta"}};
  for (const auto& [newer, older] : kNorms) {
    if (!name.ends_with(newer)) continue;
    for (size_t i = 0, count = all.size(); i < count; ++i) {
      all.push_back(all[i].substr(0, all[i].size() - newer.size()) + std::string(older));
    }
  }
  return all;
}

bool is_ignored(const Architecture& architecture, const std::string& name) {
  const std::vector<std::string_view>& parts = architecture.other_parts;
  if (std::any_of(parts.begin(), parts.end(), [&](std::string_view part) { return name.starts_with(part); })) return true;
  const std::vector<std::string> names = spellings(architecture, name);
  return std::any_of(architecture.ignored.begin(), architecture.ignored.end(), [&](std::string_view pattern) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& each) {
      std::string_view number, rest;
      return match(pattern, each, number, rest) && rest.empty();
    });
  });
}

}  // namespace qkv
