#include "cli/describe/wrap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qkv {
namespace {

using testing::ElementsAre;

TEST(Wrapped, LinesAreFilledAndNeverTooLong) {
  EXPECT_THAT(wrapped("one two three four", 9), ElementsAre("one two", "three", "four"));
  EXPECT_THAT(wrapped("one two", 7), ElementsAre("one two"));
  EXPECT_THAT(wrapped("  one   two ", 20), ElementsAre("one two"));
  EXPECT_THAT(wrapped("", 20), ElementsAre());
}

TEST(Wrapped, AWordLongerThanTheLineIsBroken) {
  EXPECT_THAT(wrapped("a translation|lm|mlm b", 8), ElementsAre("a", "translat", "ion|lm|m", "lm b"));
  EXPECT_THAT(wrapped("ab", 0), ElementsAre("a", "b"));
}

TEST(Wrapped, CharactersCountNotBytes) {
  EXPECT_EQ(characters("√d_k …"), 6U);
  EXPECT_THAT(wrapped("üü öö", 5), ElementsAre("üü öö"));
  EXPECT_THAT(wrapped("üüüö", 3), ElementsAre("üüü", "ö"));
}

TEST(WrappedCommand, CanBeCopied) {
  EXPECT_THAT(wrapped_command("qkv generate --prompt 'a b c' --top-k 5", 24),
              ElementsAre("qkv generate --prompt \\", "    'a b c' --top-k 5"));
  EXPECT_THAT(wrapped_command("echo \"it's a b\" | cat", 10), ElementsAre("echo \\", "    \"it's a b\" \\", "    | cat"));
  EXPECT_THAT(wrapped_command("qkv eval", 8), ElementsAre("qkv eval"));
}

}  // namespace
}  // namespace qkv
