#include "text/token_models/token_splits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <tuple>

#include "text/files/test_files.h"

namespace qkv {
namespace {

using Split = std::tuple<int32_t, int32_t, int32_t>;  // whole, left, right

TEST(TokenSplits, AreAllPairsThatTogetherAreAToken) {
  std::mt19937 random(1);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::string> tokens;
    std::vector<bool> parts, wholes;
    for (int i = 0; i < 60; ++i) {
      std::string token;
      for (size_t k = random() % 6 + (i > 0); k > 0; --k) token.push_back("ab\0\xFF"[random() % 4]);
      if (std::find(tokens.begin(), tokens.end(), token) != tokens.end()) continue;
      tokens.push_back(token);
      parts.push_back(random() % 8 != 0);
      wholes.push_back(random() % 8 != 0);
    }
    std::vector<Split> expected, found;
    for (size_t left = 0; left < tokens.size(); ++left) {
      for (size_t right = 0; right < tokens.size(); ++right) {
        const auto whole = std::find(tokens.begin(), tokens.end(), tokens[left] + tokens[right]);
        if (tokens[left].empty() || tokens[right].empty() || !parts[left] || !parts[right] || whole == tokens.end()) continue;
        const auto id = whole - tokens.begin();
        if (wholes[static_cast<size_t>(id)]) expected.emplace_back(id, left, right);
      }
    }
    std::sort(expected.begin(), expected.end());
    const std::vector<std::string_view> views(tokens.begin(), tokens.end());
    for (const TokenSplit& split : token_splits(views, parts, wholes, "f")) found.emplace_back(split.whole, split.left, split.right);
    EXPECT_EQ(found, expected);
  }
}

TEST(TokenSplits, AListWhoseResultWouldBeFarLargerThanItselfIsRefused) {
  std::vector<std::string> tokens;
  for (size_t i = 1; i < 3000; ++i) tokens.emplace_back(i, 'a');
  const std::vector<std::string_view> views(tokens.begin(), tokens.end());
  const std::vector<bool> all(tokens.size(), true);
  EXPECT_THAT(error_of([&] { token_splits(views, all, all, "f"); }), testing::StartsWith("f: its tokens can be joined"));
}

}  // namespace
}  // namespace qkv
