#include "nn/positions.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "ops/ops.h"

namespace qkv {

namespace {

bool is_sinusoidal(PositionTable kind) { return kind == PositionTable::sinusoidal || kind == PositionTable::sinusoidal_inclusive; }

}  // namespace

EmbeddedPositions::EmbeddedPositions(PositionTable kind, int rows, int hidden_size, const Initializer& start, const ParameterScope& scope)
    : kind_(kind),
      most_rows_(rows),
      hidden_size_(hidden_size),
      device_(scope.device()),
      table_(kind == PositionTable::learned ? scope.create("embed_positions.weight", {rows, hidden_size}, start, false) : Tensor()),
      sinusoids_(is_sinusoidal(kind) ? std::make_unique<Sinusoids>() : nullptr) {}

Tensor EmbeddedPositions::rows(int64_t count) const {
  if (table_ || !sinusoids_) return table_;
  const ParallelLock lock(sinusoids_->mutex);
  Tensor& table = sinusoids_->table;
  const int64_t most = most_rows_;
  count = std::min(count, most);
  if (!table || table.rows() < count) {
    const int64_t doubled = table ? 2 * table.rows() : 64;
    const auto formula = kind_ == PositionTable::sinusoidal ? sinusoidal_positions : inclusive_sinusoidal_positions;
    table = formula(static_cast<int>(std::min(std::max(count, doubled), most)), hidden_size_, device_);
  }
  return table;
}

AttentionPositions::Group AttentionPositions::group(const AttentionConfig& attention, int layer) {
  Group group{.rope = attention.rope, .distance_bias = attention.distance_bias, .disentangled = attention.disentangled.has_value()};
  if (attention.distance_bias == DistanceBias::none) return group;
  group.num_heads = attention.num_heads;
  group.causal = attention.causal;
  if (attention.distance_bias == DistanceBias::t5_per_layer) group.layer = layer;
  return group;
}

AttentionPositions::AttentionPositions(std::span<const LayerConfig> layers, const RelativeBuckets& buckets, const Initializer& start,
                                       const ParameterScope& scope, const RelativeTable& relative, int hidden_size)
    : buckets_(buckets), device_(scope.device()), relative_table_(relative) {
  for (const LayerConfig& layer : layers) {
    const Group mine = group(layer.attention, static_cast<int>(group_of_.size()));
    const auto found = std::find(groups_.begin(), groups_.end(), mine);
    group_of_.push_back(static_cast<int>(found - groups_.begin()));
    if (found != groups_.end()) continue;
    groups_.push_back(mine);
    const ParameterScope place = mine.layer < 0 ? scope : scope / "layers" / mine.layer;
    bucket_bias_.push_back(has_buckets(mine.distance_bias)
                               ? place.create("relative_attention_bias.weight", {buckets.count, mine.num_heads}, start, false)
                               : Tensor());
  }
  known_->of_group.resize(groups_.size());
  if (std::none_of(groups_.begin(), groups_.end(), [](const Group& each) { return each.disentangled; })) return;
  relative_positions_ = scope.create("relative_positions.weight", {2 * relative.span(), hidden_size}, start, false);
  if (relative.norm) relative_norm_.emplace(*relative.norm, hidden_size, scope / "relative_norm");
}

// The arithmetic of transformers' make_log_bucket_position, which computes in f32.
int64_t relative_row_of(int64_t distance, const RelativeTable& table) {
  const int64_t span = table.span(), middle = table.buckets / 2, away = std::abs(distance);
  int64_t place = away;
  if (table.buckets > 0 && away > middle) {
    const float share = std::log(static_cast<float>(away) / static_cast<float>(middle)) /
                        std::log(static_cast<float>(static_cast<double>(table.max_distance - 1) / static_cast<double>(middle)));
    place = static_cast<int64_t>(std::ceil(share * static_cast<float>(middle - 1))) + middle;
  }
  return std::clamp<int64_t>(span + (distance > 0 ? -place : place), 0, 2 * span - 1);
}

// Only rows that a distance of the pass has are looked up, since each layer projects them.
void AttentionPositions::set_relative(int64_t reach, DType dtype, PassPositions& pass) const {
  const int64_t first = relative_row_of(reach, relative_table_), last = relative_row_of(-reach, relative_table_);
  std::vector<int32_t> rows, row_of;
  for (int64_t row = first; row <= last; ++row) rows.push_back(static_cast<int32_t>(row));
  for (int64_t distance = -reach; distance <= reach; ++distance)
    row_of.push_back(static_cast<int32_t>(relative_row_of(distance, relative_table_) - first));
  pass.relative_positions = embedding(rows, relative_positions_, {}, {}, 1, dtype);
  if (relative_norm_) pass.relative_positions = relative_norm_->forward(pass.relative_positions);
  pass.relative_row = std::make_shared<const std::vector<int32_t>>(std::move(row_of));
}

RopeTables AttentionPositions::known_rope(size_t group, int64_t count) const {
  const ParallelLock lock(known_->mutex);
  RopeTables& known = known_->of_group[group].rope;
  const int64_t rows = known.cosines ? known.cosines.rows() : 0;
  constexpr int64_t kAnyLength = 0;
  if (rows < count) known = rope_tables(*groups_[group].rope, 0, std::max({count, 2 * rows, int64_t{64}}), kAnyLength, device_);
  return known;
}

Tensor AttentionPositions::known_alibi(size_t group, int64_t reach) const {
  const ParallelLock lock(known_->mutex);
  Tensor& known = known_->of_group[group].alibi;
  const int64_t reached = known ? known.cols() / 2 : 0;
  if (!known || reached < reach) known = alibi_bias(groups_[group].num_heads, std::max({reach, 2 * reached, int64_t{63}}), device_);
  return known;
}

namespace {

// Angles that depend on the sequence's length: each sequence gets its own tables.
void set_rope_by_length(const RopeOptions& rope, std::span<const int32_t> position_of, const Segments& queries, const Segments& keys,
                        Device device, PassPositions& pass) {
  std::vector<RopeTables> all;
  int64_t rows = 0;
  for (int64_t i = 0; i < queries.count(); ++i) {
    const std::span<const int32_t> mine =
        position_of.subspan(static_cast<size_t>(queries.begin(i)), static_cast<size_t>(queries.length(i)));
    if (mine.empty()) continue;
    const auto [first, last] = std::minmax_element(mine.begin(), mine.end());
    all.push_back(rope_tables(rope, *first, *last - *first + 1, keys.length(i), device));
    for (const int32_t position : mine) pass.rope_row_of.push_back(static_cast<int32_t>(rows) + position - *first);
    rows += all.back().cosines.rows();
  }
  if (all.size() == 1) {
    pass.rope = all.front();
    return;
  }
  for (Tensor RopeTables::*table : {&RopeTables::cosines, &RopeTables::sines, &RopeTables::query_cosines, &RopeTables::query_sines}) {
    const Tensor& one = all.front().*table;
    if (!one) continue;
    pass.rope.*table = Tensor::empty({rows, one.cols()}, one.dtype(), one.device());
    int64_t row = 0;
    for (const RopeTables& each : all) {
      copy_rows(each.*table, pass.rope.*table, row);
      row += (each.*table).rows();
    }
  }
}

}  // namespace

void AttentionPositions::set_rope(size_t group, std::span<const int32_t> position_of, const Segments& queries, const Segments& keys,
                                  PassPositions& pass) const {
  const RopeOptions& rope = *groups_[group].rope;
  pass.layout = rope.layout;
  if (angles_depend_on_length(rope, keys.longest())) {
    return set_rope_by_length(rope, position_of, queries, keys, device_, pass);
  }
  pass.rope = known_rope(group, int64_t{*std::max_element(position_of.begin(), position_of.end())} + 1);
  pass.rope_row_of.assign(position_of.begin(), position_of.end());
}

std::vector<PassPositions> AttentionPositions::pass(std::span<const int32_t> position_of, const Segments& queries, const Segments& keys,
                                                    DType dtype) const {
  std::vector<PassPositions> all;
  for (size_t i = 0; i < groups_.size(); ++i) {
    const Group& group = groups_[i];
    PassPositions& pass = all.emplace_back();
    if (position_of.empty()) continue;
    if (group.rope) set_rope(i, position_of, queries, keys, pass);
    const int64_t reach = std::max<int64_t>(keys.longest() - 1, 0);
    if (group.distance_bias == DistanceBias::alibi) pass.distance_bias = known_alibi(i, reach);
    if (group.disentangled) set_relative(reach, dtype, pass);
    if (has_buckets(group.distance_bias)) {
      pass.distance_bias = relative_position_bias(bucket_bias_[i], reach, !group.causal, buckets_.max_distance);
    }
  }
  return all;
}

Tensor PassPositions::turn_queries(const Tensor& x, int num_heads) const {
  if (!rope.query_cosines) return turn_keys(x, num_heads);
  return qkv::rope(x, rope.query_cosines, rope.query_sines, rope_row_of, num_heads, layout);
}

Tensor PassPositions::turn_keys(const Tensor& x, int num_heads) const {
  return rope.cosines ? qkv::rope(x, rope.cosines, rope.sines, rope_row_of, num_heads, layout) : x;
}

Tensor sinusoidal_positions(int count, int size, Device device) {
  const int half = (size + 1) / 2;
  std::vector<float> values(static_cast<size_t>(count) * size);
  for (int p = 0; p < count; ++p) {
    for (int i = 0; i < size; ++i) {
      // In the paper sines and cosines are interleaved. Here the frequency with index j has its sine in column j and its cosine in column
      // half + j.
      const int frequency = i < half ? i : i - half;
      const double angle = p / std::pow(10000.0, 2.0 * frequency / size);
      values[static_cast<size_t>(p) * size + i] = static_cast<float>(i < half ? std::sin(angle) : std::cos(angle));
    }
  }
  return Tensor::from(values, {count, size}, device == Device::reference ? DType::f64 : DType::f32, device);
}

Tensor inclusive_sinusoidal_positions(int count, int size, Device device) {
  const int half = size / 2;
  const auto step = static_cast<float>(std::log(10000.0) / (half - 1));
  std::vector<float> values(static_cast<size_t>(count) * size);
  for (int p = 0; p < count; ++p) {
    for (int i = 0; i < half; ++i) {
      const float angle = static_cast<float>(p) * std::exp(static_cast<float>(i) * -step);
      values[static_cast<size_t>(p) * size + i] = std::sin(angle);
      values[static_cast<size_t>(p) * size + half + i] = std::cos(angle);
    }
  }
  return Tensor::from(values, {count, size}, device == Device::reference ? DType::f64 : DType::f32, device);
}

}  // namespace qkv
