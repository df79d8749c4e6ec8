#include "models/weight_layout.h"

namespace qkv {
namespace {

// Our output r is output first + r / block * stride + r % block of the `total` outputs in their tensor.
struct Outputs {
  int64_t first, block, stride, total;
};

Outputs outputs_of_qkv(const FusedPart& part, const AttentionConfig& attention) {
  const int64_t q = attention.query_size(), kv = attention.key_value_size(), head = attention.head_dim;
  const int64_t groups = attention.num_key_value_heads, queries = q / groups;
  switch (part.order) {
    case FusedPart::Order::per_head: return {part.index * head, head, 3 * head, q + 2 * kv};
    case FusedPart::Order::per_group:
      if (part.index == 0) return {0, queries, queries + 2 * head, q + 2 * kv};
      return {queries + (part.index - 1) * head, head, queries + 2 * head, q + 2 * kv};
    default: return {part.index == 0 ? 0 : q + (part.index - 1) * kv, part.index == 0 ? q : kv, 0, q + 2 * kv};
  }
}

// The number of heads whose vectors share a tensor; 0 if they do not.
int64_t heads_of(const TheirWeight& place) {
  if (place.part.of == FusedPart::Of::q_heads) return place.layer->attention.num_heads;
  return place.part.of == FusedPart::Of::k_heads ? place.layer->attention.num_key_value_heads : 0;
}

Outputs outputs_of(const TheirWeight& place, int64_t ours) {
  if (place.is_whole()) return {0, ours, 0, ours};
  if (const int64_t heads = heads_of(place); heads > 0) return {place.part.index * ours, ours, 0, heads * ours};
  if (place.part.of == FusedPart::Of::qkv) return outputs_of_qkv(place.part, place.layer->attention);
  const int64_t size = place.layer->feed_forward.size;
  return {place.part.index * size, size, 0, 2 * size};
}

// Calls each(index in theirs, index in ours) for every value; ours is [out, in] or [out].
template <typename Each>
void for_values(const TheirWeight& place, const Shape& ours, Each&& each) {
  const Outputs outputs = outputs_of(place, ours[0]);
  const int64_t in = ours.size() > 1 ? ours[1] : 1;
  const bool transposed = place.transposed && ours.size() > 1;
  for (int64_t o = 0; o < ours[0]; ++o) {
    const int64_t there = outputs.first + o / outputs.block * outputs.stride + o % outputs.block;
    for (int64_t i = 0; i < in; ++i) each(transposed ? i * outputs.total + there : there * in + i, o * in + i);
  }
}

}  // namespace

Shape their_shape(const TheirWeight& place, const Shape& ours) {
  if (place.scalar) return {};
  if (const int64_t heads = heads_of(place); heads > 0) return {heads, ours[0]};
  Shape shape = ours;
  shape[0] = outputs_of(place, ours[0]).total;
  if (place.transposed && shape.size() > 1) std::swap(shape[0], shape[1]);
  return shape;
}

void take_from(const Tensor& theirs, const TheirWeight& place, const Tensor& ours) {
  const float* from = theirs.host<float>();
  float* to = ours.host<float>();
  for_values(place, ours.shape(),
             [=, shift = place.less_one ? 1.0f : 0.0f](int64_t there, int64_t here) { to[here] = from[there] + shift; });
}

void put_into(const Tensor& theirs, const TheirWeight& place, const Tensor& ours) {
  const float* from = ours.host<float>();
  float* to = theirs.host<float>();
  for_values(place, ours.shape(),
             [=, shift = place.less_one ? 1.0f : 0.0f](int64_t there, int64_t here) { to[there] = from[here] - shift; });
}

}  // namespace qkv
