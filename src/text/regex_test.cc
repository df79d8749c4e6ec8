#include "text/regex.h"

#include <gtest/gtest.h>

#include "text/normalizers.h"
#include "text/test_files.h"

namespace qkv {
namespace {

std::string replaced(const std::string& text, const std::string& pattern) { return replace_all(text, Regex(pattern, "t.json"), "-"); }

// Expected: what normalizers.Replace(Regex(…), "-") of `tokenizers` 0.23 makes.
TEST(Regex, MatchesWhatOnigurumaMatches) {
  EXPECT_EQ(replaced("abaac", "a*"), "-b-c-");
  EXPECT_EQ(replaced("a\u0301b ²_x-y\u200D", "\\w+"), "- ---\u200D");  // marks and superscripts are word characters, a joiner is not
  EXPECT_EQ(replaced("a \u180E\u2003\u0085b", "\\s+"), "a-\u180E-b");
  EXPECT_EQ(replaced("a \u180E\u2003\u0085b", "[\\s]"), "a-\u180E--b");
  EXPECT_EQ(replaced("xfaceg", "\\h+"), "x-g");
  EXPECT_EQ(replaced("a]b[c", "[]a]"), "--b[c");
  EXPECT_EQ(replaced("日本 語", "\\p{Han}+(?!\\S)"), "- -");
}

TEST(Regex, TheScannerForRunsOfSpaceDoesWhatThePatternDoes) {
  for (const std::string text : {"", " ", "a", " \u3000a\t\tb\u00A0", "a\u2028\u2029", "\u1680x "}) {
    EXPECT_EQ(replaced(text, "\\s+"), replaced(text, "(?:\\s)+")) << text;
  }
}

TEST(Regex, APatternThatMatchesTooSlowlyIsAnErrorNotAHang) {
  const Regex regex("(a+)+$", "t.json");
  ErrorCode code{};
  const std::string message = error_of([&] { regex.find_all(std::string(60, 'a') + "b", [](size_t, size_t) {}); }, &code);
  EXPECT_NE(message.find("\"(a+)+$\" fails"), std::string::npos) << message;
  EXPECT_EQ(code, ErrorCode::bad_input);
}

}  // namespace
}  // namespace qkv
