#include "text/unicode/graphemes.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace qkv {
namespace {

std::vector<std::string> graphemes(std::string_view text) {
  std::vector<std::string> result;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = grapheme_end(text, begin);
    result.emplace_back(text.substr(begin, end - begin));
    begin = end;
  }
  return result;
}

using Strings = std::vector<std::string>;

// Cases of each rule, after Unicode's GraphemeBreakTest.txt.
TEST(Graphemes, FollowTheRulesOfUax29) {
  EXPECT_EQ(graphemes("ab\r\n\n\r"), (Strings{"a", "b", "\r\n", "\n", "\r"}));
  EXPECT_EQ(graphemes("e\u0301\u0308x"), (Strings{"e\u0301\u0308", "x"}));
  EXPECT_EQ(graphemes("a\n\u0301"), (Strings{"a", "\n", "\u0301"}));
  EXPECT_EQ(graphemes("\u1100\u1161\u11a8\u1100\uac00\u11a8\uac01\u1161"),
            (Strings{"\u1100\u1161\u11a8", "\u1100\uac00\u11a8", "\uac01", "\u1161"}));
  EXPECT_EQ(graphemes("\u0600\u0661"), (Strings{"\u0600\u0661"}));                    // a number sign before its digits
  EXPECT_EQ(graphemes("\u0bb5\u0bc6"), (Strings{"\u0bb5\u0bc6"}));                    // a spacing mark
  EXPECT_EQ(graphemes("\u0915\u094d\u0937x"), (Strings{"\u0915\u094d\u0937", "x"}));  // a conjunct
  EXPECT_EQ(graphemes("\u0915\u094d\u200d\u0937"), (Strings{"\u0915\u094d\u200d\u0937"}));
  EXPECT_EQ(graphemes("\u0915\u094da"), (Strings{"\u0915\u094d", "a"}));
  EXPECT_EQ(graphemes("👨\u200d👩\u200d👧x"), (Strings{"👨\u200d👩\u200d👧", "x"}));
  EXPECT_EQ(graphemes("a\u200d👧"), (Strings{"a\u200d", "👧"}));
  EXPECT_EQ(graphemes("👍🏽👍"), (Strings{"👍🏽", "👍"}));
  EXPECT_EQ(graphemes("🇩🇪🇫🇷🇬"), (Strings{"🇩🇪", "🇫🇷", "🇬"}));
}

}  // namespace
}  // namespace qkv
