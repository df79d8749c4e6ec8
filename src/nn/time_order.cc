#include "nn/time_order.h"

#include <algorithm>
#include <numeric>

namespace qkv {

TimeOrder::TimeOrder(const Segments& sequences) : place(static_cast<size_t>(sequences.tokens())) {
  std::vector<int32_t> by_length(static_cast<size_t>(sequences.count()));
  std::iota(by_length.begin(), by_length.end(), 0);
  std::stable_sort(by_length.begin(), by_length.end(), [&](int32_t a, int32_t b) { return sequences.length(a) > sequences.length(b); });
  std::vector<int32_t> running;
  order.reserve(place.size());
  for (int32_t t = 0; t < sequences.longest(); ++t) {
    while (!by_length.empty() && sequences.length(by_length.back()) <= t) by_length.pop_back();
    running.push_back(static_cast<int32_t>(by_length.size()));
    for (const int32_t i : by_length) {
      place[static_cast<size_t>(sequences.begin(i) + t)] = static_cast<int32_t>(order.size());
      order.push_back(sequences.begin(i) + t);
    }
  }
  steps = Segments::of_lengths(running);
}

}  // namespace qkv
