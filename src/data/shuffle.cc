#include "data/shuffle.h"

#include <numeric>
#include <utility>

namespace qkv {

RandomStream epoch_stream(uint64_t seed, int64_t epoch, EpochDraw draw, int64_t number) {
  const uint64_t e = static_cast<uint64_t>(epoch), n = static_cast<uint64_t>(number);
  const auto key = philox(
      {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
      {static_cast<uint32_t>(e), static_cast<uint32_t>((e >> 32) + (n >> 32)), static_cast<uint32_t>(n), static_cast<uint32_t>(draw)});
  return RandomStream(uint64_t{key[1]} << 32 | key[0]);
}

// Fisher and Yates' shuffle.
std::vector<int32_t> shuffled(int64_t count, uint64_t seed, int64_t epoch) {
  RandomStream random = epoch_stream(seed, epoch, EpochDraw::order);
  std::vector<int32_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

}  // namespace qkv
