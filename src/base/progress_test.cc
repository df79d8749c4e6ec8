#include "base/progress.h"

#include <gtest/gtest.h>

namespace qkv {
namespace {

TEST(Progress, DurationsReadLikeAClock) {
  EXPECT_EQ(format_duration(0), "0 s");
  EXPECT_EQ(format_duration(59.4), "59 s");
  EXPECT_EQ(format_duration(59.6), "1:00");
  EXPECT_EQ(format_duration(754), "12:34");
  EXPECT_EQ(format_duration(11045), "3:04:05");
}

TEST(Progress, AFileThatIsNoTerminalGetsNothing) {
  std::FILE* file = std::tmpfile();
  {
    ProgressLine line(file);
    EXPECT_FALSE(line.visible());
    line.show("step 1");
  }
  EXPECT_EQ(std::ftell(file), 0);
  std::fclose(file);
}

}  // namespace
}  // namespace qkv
