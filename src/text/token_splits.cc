#include "text/token_splits.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"

namespace qkv {
namespace {

// A polynomial over the bytes modulo 2^61 - 1: the value of any part of a token follows from those of its beginnings.
constexpr uint64_t kModulus = (uint64_t{1} << 61) - 1;
constexpr uint64_t kBase = 0x1B873593CC9E2D51u % kModulus;

uint64_t multiply(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  const uint64_t sum = static_cast<uint64_t>(product & kModulus) + static_cast<uint64_t>(product >> 61);
  return sum >= kModulus ? sum - kModulus : sum;
}
uint64_t add(uint64_t a, uint64_t b) { return a + b >= kModulus ? a + b - kModulus : a + b; }

uint64_t extend(uint64_t hash, char c) { return add(multiply(hash, kBase), static_cast<unsigned char>(c) + 1u); }

}  // namespace

std::vector<TokenSplit> token_splits(std::span<const std::string_view> tokens, const std::vector<bool>& parts,
                                     const std::vector<bool>& wholes, const std::string& file) {
  size_t bytes = 0, longest = 0;
  std::unordered_map<uint64_t, int32_t> by_hash;
  by_hash.reserve(tokens.size());
  for (size_t id = 0; id < tokens.size(); ++id) {
    bytes += tokens[id].size();
    longest = std::max(longest, tokens[id].size());
    if (tokens[id].empty() || !parts[id]) continue;
    uint64_t hash = 0;
    for (const char c : tokens[id]) hash = extend(hash, c);
    by_hash.emplace(hash, static_cast<int32_t>(id));
  }
  std::vector<uint64_t> powers(longest + 1, 1), beginnings(longest + 1, 0);
  for (size_t i = 1; i <= longest; ++i) powers[i] = multiply(powers[i - 1], kBase);

  const auto find = [&](uint64_t hash) {
    const auto found = by_hash.find(hash);
    return found == by_hash.end() ? -1 : found->second;
  };
  std::vector<TokenSplit> splits;
  size_t written = 0;
  const size_t limit = 64 * bytes + (size_t{1} << 20);
  for (size_t id = 0; id < tokens.size(); ++id) {
    const std::string_view token = tokens[id];
    if (!wholes[id]) continue;
    for (size_t i = 0; i < token.size(); ++i) beginnings[i + 1] = extend(beginnings[i], token[i]);
    const size_t first = splits.size();
    for (size_t i = 1; i < token.size(); ++i) {
      const int32_t left = find(beginnings[i]);
      if (left < 0) continue;
      const uint64_t taken = multiply(beginnings[i], powers[token.size() - i]);
      const int32_t right = find(add(beginnings[token.size()], kModulus - taken));
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
  }
  return splits;
}

}  // namespace qkv
