#include "base/suggestion.h"

#include <gtest/gtest.h>

#include <vector>

namespace qkv {
namespace {

TEST(Suggestion, MistypedWordFindsTheNearest) {
  const std::vector<std::string> commands = {"train", "translate", "eval", "tokenizer"};
  EXPECT_EQ(nearest_word("trian", commands), "train");
  EXPECT_EQ(nearest_word("translat", commands), "translate");
  EXPECT_EQ(nearest_word("evla", commands), "eval");
}

TEST(Suggestion, SomethingElseFindsNothing) {
  const std::vector<std::string> commands = {"train", "translate", "eval", "tokenizer"};
  EXPECT_EQ(nearest_word("zzzzzz", commands), "");
  EXPECT_EQ(nearest_word(std::string(100'000, 'x'), commands), "");
  EXPECT_EQ(nearest_word("train", {}), "");
}

}  // namespace
}  // namespace qkv
