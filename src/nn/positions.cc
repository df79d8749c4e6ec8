#include "nn/positions.h"

#include <algorithm>
#include <cmath>

#include "ops/ops.h"

namespace qkv {

EmbeddedPositions::EmbeddedPositions(PositionTable kind, int max_positions, int hidden_size, const Initializer& start,
                                     const ParameterScope& scope)
    : max_positions_(max_positions),
      hidden_size_(hidden_size),
      device_(scope.device()),
      table_(kind == PositionTable::learned ? scope.create("embed_positions.weight", {max_positions, hidden_size}, start, false)
                                            : Tensor()),
      sinusoids_(kind == PositionTable::sinusoidal ? std::make_unique<Sinusoids>() : nullptr) {}

Tensor EmbeddedPositions::rows(int64_t count) const {
  if (table_ || !sinusoids_) return table_;
  const std::lock_guard lock(sinusoids_->mutex);
  Tensor& table = sinusoids_->table;
  const int64_t most = max_positions_;
  count = std::min(count, most);
  if (!table || table.rows() < count) {
    const int64_t doubled = table ? 2 * table.rows() : 64;
    table = sinusoidal_positions(static_cast<int>(std::min(std::max(count, doubled), most)), hidden_size_, device_);
  }
  return table;
}

AttentionPositions::Group AttentionPositions::group(const AttentionConfig& attention) {
  Group group{.rope = attention.rope, .distance_bias = attention.distance_bias};
  if (attention.distance_bias == DistanceBias::none) return group;
  group.num_heads = attention.num_heads;
  group.causal = attention.causal;
  return group;
}

AttentionPositions::AttentionPositions(std::span<const LayerConfig> layers, const RelativeBuckets& buckets, const Initializer& start,
                                       const ParameterScope& scope)
    : buckets_(buckets), device_(scope.device()) {
  for (const LayerConfig& layer : layers) {
    const Group mine = group(layer.attention);
    const auto found = std::find(groups_.begin(), groups_.end(), mine);
    group_of_.push_back(static_cast<int>(found - groups_.begin()));
    if (found != groups_.end()) continue;
    groups_.push_back(mine);
    if (mine.distance_bias == DistanceBias::t5) {
      bucket_bias_ = scope.create("relative_attention_bias.weight", {buckets.count, mine.num_heads}, start, false);
    }
  }
}

std::vector<PassPositions> AttentionPositions::pass(std::span<const int32_t> position_of, int64_t longest) const {
  std::vector<PassPositions> all;
  for (const Group& group : groups_) {
    PassPositions& pass = all.emplace_back();
    if (position_of.empty()) continue;
    if (group.rope) {
      const auto [first, last] = std::minmax_element(position_of.begin(), position_of.end());
      pass.rope = rope_tables(*group.rope, *first, *last - *first + 1, longest, device_);
      pass.layout = group.rope->layout;
      for (const int32_t position : position_of) pass.rope_row_of.push_back(position - *first);
    }
    const int64_t reach = std::max<int64_t>(longest - 1, 0);
    if (group.distance_bias == DistanceBias::alibi) pass.distance_bias = alibi_bias(group.num_heads, reach, device_);
    if (group.distance_bias == DistanceBias::t5) {
      pass.distance_bias = relative_position_bias(bucket_bias_, reach, !group.causal, buckets_.max_distance);
    }
  }
  return all;
}

Tensor PassPositions::turn(const Tensor& x, int num_heads) const {
  return rope.cosines ? qkv::rope(x, rope.cosines, rope.sines, rope_row_of, num_heads, layout) : x;
}

Tensor sinusoidal_positions(int count, int size, Device device) {
  const int half = (size + 1) / 2;
  std::vector<float> values(static_cast<size_t>(count) * size);
  for (int p = 0; p < count; ++p) {
    for (int i = 0; i < size; ++i) {
      // Column i of the paper's interleaved form with frequency index i / 2 lies at i / 2 (sine) or half + i / 2 (cosine).
      const int frequency = i < half ? i : i - half;
      const double angle = p / std::pow(10000.0, 2.0 * frequency / size);
      values[static_cast<size_t>(p) * size + i] = static_cast<float>(i < half ? std::sin(angle) : std::cos(angle));
    }
  }
  return Tensor::from(values, {count, size}, device == Device::reference ? DType::f64 : DType::f32, device);
}

}  // namespace qkv
