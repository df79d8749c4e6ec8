#include "text/pipeline/vocabulary.h"

#include <gtest/gtest.h>

namespace qkv {
namespace {

TEST(Vocabulary, EveryTokenIsFoundAndNothingElse) {
  std::vector<std::string> tokens;
  for (int i = 0; i < 5000; ++i) tokens.push_back(i % 7 == 3 ? "" : std::string(static_cast<size_t>(i % 40), 'a') + std::to_string(i));
  const std::vector<std::string> expected = tokens;
  const Vocabulary vocabulary(std::move(tokens));
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(vocabulary.id(expected[i]), expected[i].empty() ? -1 : static_cast<int32_t>(i));
    EXPECT_EQ(vocabulary.id(expected[i] + "x"), -1);
  }
  EXPECT_EQ(vocabulary.size(), 5000);
  EXPECT_FALSE(vocabulary.has_equal_tokens());
  EXPECT_EQ(Vocabulary().id("a"), -1);
}

TEST(Vocabulary, OfEqualTokensTheFirstIsFound) {
  const Vocabulary vocabulary({"a", "b", "", "a", ""});
  EXPECT_EQ(vocabulary.id("a"), 0);
  EXPECT_TRUE(vocabulary.has_equal_tokens());
}

}  // namespace
}  // namespace qkv
