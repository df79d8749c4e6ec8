#include "base/error.h"

#include <gtest/gtest.h>

namespace qkv {
namespace {

TEST(Error, AMessageIsOneLineWhateverAFileHolds) {
  try {
    fail(ErrorCode::bad_input, "{}: no key \"{}\" in ä", "a.gguf", std::string("a\nb\x1b[1m\r\0c\x7f", 11));
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "a.gguf: no key \"a b [1m  c \" in ä");
    return;
  }
  FAIL();
}

TEST(Error, MegabytesFromAFileDoNotFillTheScreen) {
  const std::string huge = std::string(3'000'000, 'x');
  try {
    fail(ErrorCode::bad_input, "a.json: the type \"{}\" is not known; there are b, c", huge);
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_LT(message.size(), 7000u);
    EXPECT_EQ(message.find("a.json: the type \"xxx"), 0u);
    EXPECT_TRUE(message.ends_with("xxx\" is not known; there are b, c"));
    return;
  }
  FAIL();
}

TEST(Shortened, CutsBetweenCharacters) {
  EXPECT_EQ(shortened("abc", 3), "abc");
  EXPECT_EQ(shortened("abcd", 3), "abc…");
  EXPECT_EQ(shortened("aää", 4), "aä…");  // two bytes each
  EXPECT_EQ(shortened("ä", 1), "…");
  EXPECT_EQ(shortened("\x80\x80\x80", 2), "…");  // no character begins anywhere
}

}  // namespace
}  // namespace qkv
