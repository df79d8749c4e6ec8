#include "text/token_models/token_splits.h"

#include <algorithm>
#include <bit>

#include "base/error.h"

namespace qkv {
namespace {

// A polynomial hash over the bytes modulo 2^61 - 1: the value of any part of a token follows from those of its prefixes.
constexpr uint64_t kModulus = (uint64_t{1} << 61) - 1;
constexpr uint64_t kBase = 0x1B873593CC9E2D51u % kModulus;

uint64_t multiply(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  const uint64_t sum = static_cast<uint64_t>(product & kModulus) + static_cast<uint64_t>(product >> 61);
  return sum >= kModulus ? sum - kModulus : sum;
}
uint64_t add(uint64_t a, uint64_t b) { return a + b >= kModulus ? a + b - kModulus : a + b; }

// Ids by hash: open addressing, at least half of the slots are empty. Of equal hashes the first is found.
class HashedIds {
 public:
  explicit HashedIds(size_t ids) : slots_(std::bit_ceil(std::max<size_t>(16, 2 * ids))) {}
  void insert(uint64_t hash, int32_t id) {
    Slot& slot = slots_[place(hash)];
    if (slot.id < 0) slot = {hash, id};
  }
  int32_t find(uint64_t hash) const { return slots_[place(hash)].id; }  // -1: none
  void prefetch(uint64_t hash) const { __builtin_prefetch(&slots_[first_place(hash)]); }

 private:
  struct Slot {
    uint64_t hash = 0;
    int32_t id = -1;
  };
  size_t first_place(uint64_t hash) const {
    const uint64_t mixed = hash * 0x9E3779B97F4A7C15u;  // 2^64 / golden ratio
    return (mixed ^ mixed >> 32) & (slots_.size() - 1);
  }
  size_t place(uint64_t hash) const {
    size_t i = first_place(hash);
    while (slots_[i].id >= 0 && slots_[i].hash != hash) i = (i + 1) & (slots_.size() - 1);
    return i;
  }
  std::vector<Slot> slots_;
};

uint64_t extend(uint64_t hash, char c) { return add(multiply(hash, kBase), static_cast<unsigned char>(c) + 1u); }

}  // namespace

std::vector<TokenSplit> token_splits(std::span<const std::string_view> tokens, const std::vector<bool>& parts,
                                     const std::vector<bool>& wholes, const std::string& file) {
  size_t bytes = 0, longest = 0;
  HashedIds ids(tokens.size());
  for (size_t id = 0; id < tokens.size(); ++id) {
    bytes += tokens[id].size();
    longest = std::max(longest, tokens[id].size());
    if (tokens[id].empty() || !parts[id]) continue;
    uint64_t hash = 0;
    for (const char c : tokens[id]) hash = extend(hash, c);
    ids.insert(hash, static_cast<int32_t>(id));
  }
  std::vector<uint64_t> powers(longest + 1, 1);
  for (size_t i = 1; i <= longest; ++i) powers[i] = multiply(powers[i - 1], kBase);

  // The two parts of a token for each place within it. Some hundred places are prefetched before the first is looked up, because the table
  // is larger than the caches.
  struct Cut {
    uint64_t left, right;
  };
  std::vector<Cut> cuts;
  const auto append_cuts = [&](std::string_view token) {
    const size_t first = cuts.size();
    uint64_t hash = 0;
    for (size_t i = 0; i < token.size(); ++i) {
      hash = extend(hash, token[i]);
      if (i + 1 == token.size()) break;
      cuts.push_back({hash, 0});
      ids.prefetch(hash);
    }
    for (size_t i = first; i < cuts.size(); ++i) {
      cuts[i].right = add(hash, kModulus - multiply(cuts[i].left, powers[cuts.size() - i]));
      ids.prefetch(cuts[i].right);
    }
  };

  std::vector<TokenSplit> splits;
  size_t written = 0;
  const size_t limit = 64 * bytes + (size_t{1} << 20);
  const auto append_splits = [&](size_t id, const Cut* of_token) {
    const std::string_view token = tokens[id];
    const size_t first = splits.size();
    for (size_t i = 1; i < token.size(); ++i) {
      const int32_t left = ids.find(of_token[i - 1].left);
      if (left < 0) continue;
      const int32_t right = ids.find(of_token[i - 1].right);
      if (right < 0) continue;
      written += token.size();
      if (written > limit) {
        fail(ErrorCode::bad_input, "{}: its tokens can be joined to each other in more ways than those of any trained tokenizer; refused",
             file);
      }
      if (token.substr(0, i) != tokens[static_cast<size_t>(left)] || token.substr(i) != tokens[static_cast<size_t>(right)]) continue;
      splits.push_back({left, right, static_cast<int32_t>(id)});
    }
    std::sort(splits.begin() + static_cast<ptrdiff_t>(first), splits.end(),
              [](const TokenSplit& a, const TokenSplit& b) { return a.left != b.left ? a.left < b.left : a.right < b.right; });
  };
  constexpr size_t kAhead = 256;
  for (size_t begin = 0; begin < tokens.size();) {
    size_t end = begin;
    cuts.clear();
    for (; end < tokens.size() && cuts.size() < kAhead; ++end) {
      if (wholes[end]) append_cuts(tokens[end]);
    }
    const Cut* next = cuts.data();
    for (; begin < end; ++begin) {
      if (!wholes[begin] || tokens[begin].empty()) continue;
      append_splits(begin, next);
      next += tokens[begin].size() - 1;
    }
  }
  return splits;
}

}  // namespace qkv
