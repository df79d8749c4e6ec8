#include "base/utf8.h"

#include <gtest/gtest.h>

namespace qkv {
namespace {

// Unicode 15, section 3.9, tables 3-8 to 3-11: the standard's own examples of maximal subparts.
TEST(Utf8, InvalidSequencesAreReplacedByMaximalSubparts) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(replace_invalid_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(replace_invalid_utf8("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(replace_invalid_utf8("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), r + r + r + r + r + "A" + r + r + "B");
  EXPECT_EQ(replace_invalid_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), r + r + r + r + "A");
}

TEST(Utf8, ValidPrefixEndsAtTheFirstBadByte) {
  const std::string text = "twelve bytes";
  for (size_t at = 0; at <= text.size(); ++at) {
    std::string bad = text.substr(0, at) + "\x80" + text.substr(at);
    EXPECT_EQ(valid_utf8_prefix(bad), at);
    bad = text.substr(0, at) + "\xF0\x9F\x98\x80";
    EXPECT_TRUE(is_valid_utf8(bad));
    EXPECT_EQ(valid_utf8_prefix(std::string_view(bad).substr(0, bad.size() - 1)), at) << "a character that is cut";
  }
}

TEST(Utf8, EveryCodePointIsWrittenAndReadBack) {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    append_utf8(text, c);
    ASSERT_TRUE(is_valid_utf8(text)) << static_cast<uint32_t>(c);
    const Character read = character_at(text, 0);
    ASSERT_TRUE(read.code_point == c) << static_cast<uint32_t>(c);
    ASSERT_EQ(read.length, text.size());
    ASSERT_EQ(utf8_length(text[0]), text.size());
    ASSERT_EQ(count_characters(text), 1u);
  }
}

}  // namespace
}  // namespace qkv
