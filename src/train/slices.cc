#include "train/slices.h"

#include <algorithm>
#include <numeric>

#include "nn/sequence_parts.h"

namespace qkv {
namespace {

// The first sequence of each unit that no cut divides, and the number of all: single sequences, or those of a group of choices.
std::vector<int64_t> unit_begins(const TrainingBatch& batch) {
  std::vector<int64_t> begins{0};
  const int64_t count = std::max(batch.source.segments.count(), batch.target_in.segments.count());
  for (const int32_t group : batch.target_groups) begins.push_back(begins.back() + group);
  while (batch.target_groups.empty() && begins.back() < count) begins.push_back(begins.back() + 1);
  return begins;
}

}  // namespace

std::vector<SliceUnit> units_of_slice(size_t batches, int slices, int slice) {
  const int common = static_cast<int>(std::gcd(batches, static_cast<size_t>(slices)));
  const size_t parts = static_cast<size_t>(slices / common), each = batches / static_cast<size_t>(common);
  std::vector<SliceUnit> units;
  for (size_t unit = static_cast<size_t>(slice) * each; unit < (static_cast<size_t>(slice) + 1) * each; ++unit) {
    units.push_back({unit / parts, static_cast<int>(unit % parts), static_cast<int>(parts)});
  }
  return units;
}

TrainingBatch part_of(const TrainingBatch& batch, int part, int parts) {
  const std::vector<int64_t> begins = unit_begins(batch);
  std::vector<int64_t> ends;
  int64_t tokens = 0;
  for (int64_t i = 0; i < begins.back(); ++i) {
    if (batch.source.segments.count() > 0) tokens += batch.source.segments.length(i);
    if (batch.target_in.segments.count() > 0) tokens += batch.target_in.segments.length(i);
    if (begins[ends.size() + 1] == i + 1) ends.push_back(tokens);
  }
  const int64_t first_unit = first_of_part(ends, part, parts), last_unit = first_of_part(ends, part + 1, parts);
  TrainingBatch result;
  if (first_unit == last_unit) return result;
  const int64_t first = begins[static_cast<size_t>(first_unit)], last = begins[static_cast<size_t>(last_unit)];
  result.source = sequences_of(batch.source, {first, last});
  result.target_in = sequences_of(batch.target_in, {first, last});
  const bool decoder = batch.target_in.segments.count() > 0;
  if (decoder && batch.target_rows.empty()) {
    const auto begin = batch.target_out.begin() + batch.target_in.segments.begin(first);
    result.target_out.assign(begin, begin + std::ssize(result.target_in.ids));
    return result;
  }
  const int32_t begin = (decoder ? batch.target_in : batch.source).segments.begin(first);
  const int32_t end = begin + static_cast<int32_t>((decoder ? result.target_in : result.source).ids.size());
  const bool grouped = !batch.target_groups.empty();
  if (grouped) {
    result.target_groups.assign(batch.target_groups.begin() + first_unit, batch.target_groups.begin() + last_unit);
    result.target_out.assign(batch.target_out.begin() + first_unit, batch.target_out.begin() + last_unit);
  }
  const size_t width = batch.target_rows.empty() ? 0 : batch.target_values.size() / batch.target_rows.size();
  for (size_t i = 0; i < batch.target_rows.size(); ++i) {
    if (batch.target_rows[i] < begin || batch.target_rows[i] >= end) continue;
    result.target_rows.push_back(batch.target_rows[i] - begin);
    if (!batch.target_out.empty() && !grouped) result.target_out.push_back(batch.target_out[i]);
    const auto values = batch.target_values.begin() + static_cast<std::ptrdiff_t>(i * width);
    result.target_values.insert(result.target_values.end(), values, values + static_cast<std::ptrdiff_t>(width));
  }
  return result;
}

}  // namespace qkv
