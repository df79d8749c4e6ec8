#include "text/stages/splitting.h"

#include <algorithm>
#include <utility>

namespace qkv {
namespace {

// Joins a part with the previous one if `joins(previous part, this part)`.
template <typename Joins>
void join_parts(std::vector<SplitPart>& parts, Joins&& joins) {
  size_t kept = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (kept > 0 && joins(i)) {
      parts[kept - 1].end = parts[i].end;
    } else {
      parts[kept++] = parts[i];
    }
  }
  parts.resize(kept);
}

}  // namespace

std::optional<SplitBehavior> split_behavior(std::string_view name) {
  constexpr std::pair<std::string_view, SplitBehavior> kNames[] = {{"Removed", SplitBehavior::removed},
                                                                   {"Isolated", SplitBehavior::isolated},
                                                                   {"MergedWithPrevious", SplitBehavior::merged_with_previous},
                                                                   {"MergedWithNext", SplitBehavior::merged_with_next},
                                                                   {"Contiguous", SplitBehavior::contiguous}};
  for (const auto& [each, behavior] : kNames) {
    if (each == name) return behavior;
  }
  return std::nullopt;
}

void apply_behavior(SplitBehavior behavior, std::vector<SplitPart>& parts) {
  if (behavior == SplitBehavior::isolated) return;
  if (behavior == SplitBehavior::removed) {
    std::erase_if(parts, [](const SplitPart& part) { return part.match; });
    return;
  }
  std::vector<bool> match(parts.size());
  for (size_t i = 0; i < parts.size(); ++i) match[i] = parts[i].match;
  switch (behavior) {
    case SplitBehavior::contiguous: join_parts(parts, [&](size_t i) { return match[i] == match[i - 1]; }); break;
    // In a run of matches, the first joins the text before it and the others stand alone.
    case SplitBehavior::merged_with_previous: join_parts(parts, [&](size_t i) { return match[i] && !match[i - 1]; }); break;
    // In a run of matches, the last joins the text after it.
    case SplitBehavior::merged_with_next: join_parts(parts, [&](size_t i) { return match[i - 1] && !match[i]; }); break;
    default: break;
  }
}

}  // namespace qkv
