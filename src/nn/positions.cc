#include "nn/positions.h"

#include <algorithm>
#include <cmath>

#include "nn/modules.h"
#include "ops/ops.h"

namespace qkv {

Positions::Positions(const TransformerConfig& config, ParameterStore& store)
    : kind_(config.position),
      rope_(config.rope),
      num_heads_(config.num_attention_heads),
      max_distance_(config.relative_attention_max_distance),
      device_(store.device()),
      max_positions_(config.max_position_embeddings),
      hidden_size_(config.hidden_size),
      sinusoids_(kind_ == Position::sinusoidal ? std::make_unique<SinusoidTable>() : nullptr) {
  if (rope_.rotary_dim == 0) rope_.rotary_dim = config.head_dim();
  for (const bool decoder : {false, true}) {
    if (!(decoder ? config.has_decoder() : config.has_encoder())) continue;
    const ParameterScope scope(store, decoder ? "decoder" : "encoder");
    if (kind_ == Position::learned) {
      tables_[decoder] =
          scope.create("embed_positions.weight", {config.max_position_embeddings, config.hidden_size}, embedding_start(config), false);
    }
    if (kind_ == Position::t5) {
      bucket_biases_[decoder] = scope.create("relative_attention_bias.weight", {config.relative_attention_num_buckets, num_heads_},
                                             embedding_start(config), false);
    }
  }
}

Tensor Positions::table(bool decoder, int64_t count) const {
  if (tables_[decoder] || !sinusoids_) return tables_[decoder];
  return sinusoids_->rows(count, max_positions_, hidden_size_, device_);
}

PassPositions Positions::pass(bool decoder, std::span<const int32_t> position_of, int64_t longest) const {
  PassPositions pass;
  if (position_of.empty()) return pass;
  if (kind_ == Position::rope) {
    const auto [first, last] = std::minmax_element(position_of.begin(), position_of.end());
    pass.rope = rope_tables(rope_, *first, *last - *first + 1, longest, device_);
    pass.layout = rope_.layout;
    for (const int32_t position : position_of) pass.rope_row_of.push_back(position - *first);
  }
  const int64_t reach = std::max<int64_t>(longest - 1, 0);
  if (kind_ == Position::alibi) pass.distance_bias = alibi_bias(num_heads_, reach, device_);
  if (kind_ == Position::t5) pass.distance_bias = relative_position_bias(bucket_biases_[decoder], reach, !decoder, max_distance_);
  return pass;
}

Tensor SinusoidTable::rows(int64_t count, int64_t most, int size, Device device) {
  const std::lock_guard lock(mutex_);
  count = std::min(count, most);
  if (!table_ || table_.rows() < count) {
    const int64_t doubled = table_ ? 2 * table_.rows() : 64;
    table_ = sinusoidal_positions(static_cast<int>(std::min(std::max(count, doubled), most)), size, device);
  }
  return table_;
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
