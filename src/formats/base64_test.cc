#include "formats/base64.h"

#include <gtest/gtest.h>

namespace qkv {
namespace {

// The examples of RFC 4648, section 10.
TEST(Base64, TheExamplesOfItsStandard) {
  const std::pair<const char*, const char*> examples[] = {
      {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : examples) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
  EXPECT_EQ(to_base64("\xFB\xFF\xFE"), "+//+");
  EXPECT_EQ(from_base64("Zm9vYg"), "foob");  // without padding
}

TEST(Base64, WhatIsNoneIsNothing) {
  for (const char* text : {"Z", "Zm9v!", "Zm 9v", "=", "Zg=a", "Zm9vY", "====", "\xC3\xBC"})
    EXPECT_EQ(from_base64(text), std::nullopt) << text;
}

}  // namespace
}  // namespace qkv
