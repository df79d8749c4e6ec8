#include "evaluate/measures/ngram_matches.h"

#include <algorithm>
#include <bit>

#include "base/error.h"

namespace qkv {

void NgramCounts::operator+=(const NgramCounts& other) {
  for (size_t n = 0; n < kMaxNgram; ++n) {
    hypothesis[n] += other.hypothesis[n];
    reference[n] += other.reference[n];
    matches[n] += other.matches[n];
  }
}

void NgramMatcher::clear(size_t edges) {
  QKV_CHECK(edges < UINT32_MAX / 2, "[score_corpus] a reference of more than {} n-grams is no sentence", UINT32_MAX / 2);
  const size_t size = std::bit_ceil(std::max<size_t>(2 * edges, 64));
  if (edges_.size() < size) edges_.resize(size);
  mask_ = size - 1;
  std::fill_n(edges_.begin(), size, Edge{});
}

NgramMatcher::Edge& NgramMatcher::find(uint32_t parent, uint32_t symbol) {
  const uint64_t key = (uint64_t{parent} << 32 | symbol) + 1;
  size_t slot = (key * 0x9E3779B97F4A7C15) >> 32 & mask_;
  while (edges_[slot].key != key && edges_[slot].key != 0) slot = (slot + 1) & mask_;
  return edges_[slot];
}

void NgramMatcher::add_reference(std::span<const uint32_t> reference, uint32_t number) {
  for (size_t begin = 0; begin < reference.size(); ++begin) {
    const size_t end = std::min(reference.size(), begin + order_);
    for (size_t i = begin, node = 0; i < end; ++i) {
      Edge& edge = find(static_cast<uint32_t>(node), reference[i]);
      if (edge.key == 0) {
        edge.key = (uint64_t{node} << 32 | reference[i]) + 1;
        edge.node = ++nodes_;
      }
      if (edge.reference != number) {
        edge.reference = number;
        edge.occurrences = 0;
      }
      edge.left = std::max(edge.left, ++edge.occurrences);
      node = edge.node;
    }
  }
}

NgramCounts NgramMatcher::count(std::span<const uint32_t> hypothesis, std::span<const std::vector<uint32_t>> references) {
  const size_t length = hypothesis.size();
  const auto distance = [&](size_t size) { return size > length ? size - length : length - size; };
  size_t symbols = 0, closest = references.front().size();
  for (const std::vector<uint32_t>& reference : references) {
    const size_t size = reference.size();
    symbols += size;
    if (distance(size) < distance(closest) || (distance(size) == distance(closest) && size < closest)) closest = size;
  }
  NgramCounts counts;
  for (size_t n = 1; n <= order_; ++n) {
    counts.hypothesis[n - 1] = std::max<int64_t>(0, static_cast<int64_t>(length) - static_cast<int64_t>(n) + 1);
    counts.reference[n - 1] = std::max<int64_t>(0, static_cast<int64_t>(closest) - static_cast<int64_t>(n) + 1);
  }
  clear(symbols * order_);
  nodes_ = 0;
  for (size_t r = 0; r < references.size(); ++r) add_reference(references[r], static_cast<uint32_t>(r + 1));
  for (size_t begin = 0; begin < hypothesis.size(); ++begin) {
    const size_t end = std::min(hypothesis.size(), begin + order_);
    for (size_t i = begin, node = 0; i < end; ++i) {
      Edge& edge = find(static_cast<uint32_t>(node), hypothesis[i]);
      if (edge.key == 0) break;  // longer n-grams with this prefix are not in the reference either
      if (edge.left > 0) {
        --edge.left;
        ++counts.matches[i - begin];
      }
      node = edge.node;
    }
  }
  return counts;
}

}  // namespace qkv
