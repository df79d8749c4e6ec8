#include "text/training/suffix_array.h"

#include <algorithm>
#include <numeric>

namespace qkv {
namespace {

// Length of the common prefix of two suffixes of the same word or of different words, at most `most`.
uint32_t common_prefix(std::span<const uint32_t> text, uint32_t a, uint32_t b, uint32_t most) {
  uint32_t length = 0;
  while (length < most && text[a + length] == text[b + length] && text[a + length] != 0) ++length;
  return length;
}

}  // namespace

std::vector<uint32_t> sorted_suffixes(std::span<const uint32_t> text, size_t depth) {
  const size_t n = text.size();
  std::vector<uint32_t> order(n), rank(text.begin(), text.end()), next_rank(n), shifted(n), starts;
  std::iota(order.begin(), order.end(), 0u);
  // Stable sort of `from` by rank into `order`.
  const auto sort_by_rank = [&](const std::vector<uint32_t>& from) {
    const uint32_t largest = n == 0 ? 0 : *std::max_element(rank.begin(), rank.end());
    starts.assign(size_t{largest} + 2, 0);
    for (const uint32_t r : rank) ++starts[r + 1];
    std::partial_sum(starts.begin(), starts.end(), starts.begin());
    for (const uint32_t suffix : from) order[starts[rank[suffix]]++] = suffix;
  };
  shifted = order;
  sort_by_rank(shifted);
  for (size_t known = 1; known < depth && known < n; known *= 2) {
    // Order by the second half: suffixes without one come first, then by the order of that suffix.
    size_t count = 0;
    for (size_t i = n - known; i < n; ++i) shifted[count++] = static_cast<uint32_t>(i);
    for (const uint32_t suffix : order) {
      if (suffix >= known) shifted[count++] = suffix - static_cast<uint32_t>(known);
    }
    sort_by_rank(shifted);
    const auto second = [&](uint32_t suffix) { return suffix + known < n ? int64_t{rank[suffix + known]} : -1; };
    uint32_t next = 0;
    for (size_t i = 0; i < n; ++i) {
      if (i > 0 && (rank[order[i]] != rank[order[i - 1]] || second(order[i]) != second(order[i - 1]))) ++next;
      next_rank[order[i]] = next;
    }
    rank.swap(next_rank);
    if (next + 1 == n) break;  // all differ
  }
  return order;
}

std::vector<RepeatedSubstring> repeated_substrings(std::span<const uint32_t> text, std::span<const uint32_t> suffixes, uint32_t longest) {
  struct Open {
    uint32_t first, length;
  };
  std::vector<RepeatedSubstring> found;
  std::vector<Open> open;  // the prefixes of the current suffix that earlier ones share, from short to long
  const auto size = static_cast<uint32_t>(suffixes.size());
  uint32_t alike =
      0;  // shared with the previous suffix; counted up to one more than the longest, so that a continuation is not mistaken for the whole
  for (uint32_t i = 0; i < size; ++i) {
    uint32_t first = i == 0 ? 0 : i - 1;
    while (!open.empty() && open.back().length > alike) {
      first = open.back().first;
      if (open.back().length <= longest) found.push_back({first, i, open.back().length});
      open.pop_back();
    }
    if (alike > (open.empty() ? 0 : open.back().length)) open.push_back({first, alike});
    // The substring that only this suffix begins with extends to the end of its word.
    const uint32_t alike_next = i + 1 < size ? common_prefix(text, suffixes[i], suffixes[i + 1], longest + 1) : 0;
    const uint32_t shared = std::max(alike, alike_next);
    uint32_t length = shared;
    while (length <= longest && text[suffixes[i] + length] != 0) ++length;
    if (length > shared && length <= longest) found.push_back({i, i + 1, length});
    alike = alike_next;
  }
  for (const Open& rest : open) {
    if (rest.length <= longest) found.push_back({rest.first, size, rest.length});
  }
  std::sort(found.begin(), found.end(), [](const RepeatedSubstring& a, const RepeatedSubstring& b) {
    if (a.first != b.first) return a.first < b.first;
    return a.last != b.last ? a.last > b.last : a.length < b.length;
  });
  return found;
}

}  // namespace qkv
