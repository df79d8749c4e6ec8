#include "data/entity_spans.h"

#include <algorithm>

namespace qkv {

EntityScheme::EntityScheme(std::span<const std::string> labels) {
  const auto prefixed = [](std::string_view label, std::string_view letters) {
    return label.size() > 2 && label[1] == '-' && letters.find(label[0]) != std::string_view::npos;
  };
  const bool marks_ends =
      std::ranges::all_of(labels, [&](const std::string& label) { return label == "O" || prefixed(label, "BIESLU"); }) &&
      std::ranges::any_of(labels, [&](const std::string& label) { return prefixed(label, "ESLU"); });
  for (const std::string& label : labels) tags_.push_back(tag_of(label, marks_ends));
}

EntityScheme::Tag EntityScheme::tag_of(std::string_view label, bool marks_ends) {
  if (label.size() < 2 || label[1] != '-') return {Place::inside, std::string(label)};
  const std::string name(label.substr(2));
  switch (label[0]) {
    case 'B': return {Place::begin, name};
    case 'I': return {Place::inside, name};
    case 'E':
    case 'L':
      if (marks_ends) return {Place::end, name};
      break;
    case 'S':
    case 'U':
      if (marks_ends) return {Place::single, name};
      break;
    default: break;
  }
  return {Place::inside, std::string(label)};
}

bool EntityScheme::continues(size_t before, size_t label) const {
  const Tag &from = tags_[before], &to = tags_[label];
  const bool open = from.place == Place::begin || from.place == Place::inside;
  return open && (to.place == Place::inside || to.place == Place::end) && from.name == to.name;
}

std::vector<EntitySpan> entity_spans(std::span<const int32_t> labels, const EntityScheme& scheme) {
  std::vector<EntitySpan> spans;
  for (size_t begin = 0, end = 0; begin < labels.size(); begin = end) {
    const auto label = [&](size_t i) { return static_cast<size_t>(labels[i]); };
    for (end = begin + 1; end < labels.size() && scheme.continues(label(end - 1), label(end));) ++end;
    if (!scheme.is_outside(label(begin))) spans.push_back({begin, end, scheme.name(label(begin))});
  }
  return spans;
}

}  // namespace qkv
