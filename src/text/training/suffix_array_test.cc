#include "text/training/suffix_array.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace qkv {
namespace {

// Words of random symbols, each with a 0 after it.
std::vector<uint32_t> random_text(std::mt19937& random, uint32_t symbols, int words, int longest) {
  std::vector<uint32_t> text;
  for (int i = 0; i < words; ++i) {
    for (int length = 1 + static_cast<int>(random() % static_cast<unsigned>(longest)); length > 0; --length)
      text.push_back(1 + random() % symbols);
    text.push_back(0);
  }
  return text;
}

TEST(SuffixArray, OrdersSuffixesByTheirFirstSymbols) {
  std::mt19937 random(1);
  for (const uint32_t symbols : {1u, 2u, 30u, 100'000u}) {
    const std::vector<uint32_t> text = random_text(random, symbols, 60, 20);
    for (const size_t depth : {1, 2, 3, 5, 17, 10'000}) {
      const std::vector<uint32_t> suffixes = sorted_suffixes(text, depth);
      ASSERT_EQ(std::set<uint32_t>(suffixes.begin(), suffixes.end()).size(), text.size());
      const auto beginning = [&](uint32_t at) {
        return std::vector<uint32_t>(text.begin() + at, text.begin() + static_cast<long>(std::min(text.size(), at + depth)));
      };
      for (size_t i = 1; i < suffixes.size(); ++i) ASSERT_LE(beginning(suffixes[i - 1]), beginning(suffixes[i])) << depth;
    }
  }
}

TEST(SuffixArray, FindsTheSubstringsThatCannotBeMadeLonger) {
  std::mt19937 random(2);
  for (int round = 0; round < 40; ++round) {
    const uint32_t longest = 1 + random() % 6;
    const std::vector<uint32_t> text = random_text(random, 1 + random() % 4, 12, 9);
    // By definition: the places of every substring; it counts unless all its places go on in the same way.
    std::map<std::vector<uint32_t>, std::multiset<uint32_t>> follows;  // substring: what comes after each of its places
    for (size_t begin = 0; begin < text.size(); ++begin) {
      for (size_t end = begin; end < text.size() && text[end] != 0; ++end) {
        follows[{text.begin() + static_cast<long>(begin), text.begin() + static_cast<long>(end) + 1}].insert(text[end + 1]);
      }
    }
    std::map<std::vector<uint32_t>, size_t> expected;
    for (const auto& [substring, next] : follows) {
      if (substring.size() > longest) continue;
      if (next.count(*next.begin()) < next.size() || next.contains(0)) expected[substring] = next.size();
    }
    const std::vector<uint32_t> suffixes = sorted_suffixes(text, longest + 1);
    std::map<std::vector<uint32_t>, size_t> found;
    for (const auto& [first, last, length] : repeated_substrings(text, suffixes, longest)) {
      const auto begin = text.begin() + suffixes[first];
      EXPECT_TRUE(found.emplace(std::vector<uint32_t>(begin, begin + length), last - first).second) << "twice";
    }
    EXPECT_EQ(found, expected);
  }
}

TEST(SuffixArray, NothingAndOneSymbol) {
  EXPECT_TRUE(sorted_suffixes({}, 5).empty());
  EXPECT_TRUE(repeated_substrings({}, {}, 5).empty());
  const std::vector<uint32_t> text{7, 0};
  EXPECT_EQ(sorted_suffixes(text, 5), (std::vector<uint32_t>{1, 0}));
  EXPECT_EQ(repeated_substrings(text, std::vector<uint32_t>{1, 0}, 5).size(), 1u);
}

}  // namespace
}  // namespace qkv
