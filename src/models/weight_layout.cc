#include "models/weight_layout.h"

namespace qkv {
namespace {

// Calls each(index in theirs, index in ours) for every value; ours is [out, in] or [out].
template <typename Each>
void for_values(const TheirWeight& place, const Shape& ours, Each&& each) {
  const int64_t out = ours[0], in = ours.size() > 1 ? ours[1] : 1, all_out = out * place.parts, first = out * place.part;
  const bool transposed = place.transposed && ours.size() > 1;
  for (int64_t o = 0; o < out; ++o) {
    for (int64_t i = 0; i < in; ++i) each(transposed ? i * all_out + first + o : (first + o) * in + i, o * in + i);
  }
}

}  // namespace

Shape their_shape(const TheirWeight& place, const Shape& ours) {
  Shape shape = ours;
  shape[0] *= place.parts;
  if (place.transposed && shape.size() > 1) std::swap(shape[0], shape[1]);
  return shape;
}

void take_from(const Tensor& theirs, const TheirWeight& place, const Tensor& ours) {
  for_values(place, ours.shape(), [&](int64_t there, int64_t here) { ours.as<float>()[here] = theirs.as<float>()[there]; });
}

void put_into(const Tensor& theirs, const TheirWeight& place, const Tensor& ours) {
  for_values(place, ours.shape(), [&](int64_t there, int64_t here) { theirs.as<float>()[there] = ours.as<float>()[here]; });
}

}  // namespace qkv
