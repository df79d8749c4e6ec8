#include "base/number_text.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>

namespace qkv {
namespace {

constexpr double kMost = std::numeric_limits<double>::max();

TEST(NumberText, WholeNumbersAreReadWhole) {
  EXPECT_EQ(whole_number_fault("7", 0, 10), "");
  EXPECT_EQ(parse_whole("7"), 7u);
  EXPECT_EQ(static_cast<int64_t>(parse_whole("-7")), -7);
  for (const char* text : {"", "7x", "1e3", "0x1", " 7", "+7", "1.5", "-"})
    EXPECT_EQ(whole_number_fault(text, -10, 10), fmt::format("\"{}\" is not a whole number", text));
}

TEST(NumberText, WholeNumbersOutOfTheRangeAreToldTheNearerEnd) {
  EXPECT_EQ(whole_number_fault("0", 1, 10), "0 is too small; it must be at least 1");
  EXPECT_EQ(whole_number_fault("-1", 0, UINT64_MAX), "-1 is too small; it must be at least 0");
  EXPECT_EQ(whole_number_fault("11", 1, 10), "11 is too large; it must be at most 10");
  EXPECT_EQ(whole_number_fault("18446744073709551616", 0, 10), "18446744073709551616 is too large; it must be at most 10");
}

TEST(NumberText, RealNumbersHaveAnEndThatIsInTheRangeOrNot) {
  EXPECT_EQ(real_number_fault("1", 0, 1), "");
  EXPECT_EQ(real_number_fault("1", 0, 1, true), "1 is too large; it must be less than 1");
  EXPECT_EQ(real_number_fault("1.5", 0, 1), "1.5 is too large; it must be at most 1");
  EXPECT_EQ(real_number_fault("-0.5", 0, 1), "-0.5 is too small; it must be at least 0");
  EXPECT_EQ(real_number_fault("inf", 0, 1), "inf is too large; it must be at most 1");
  EXPECT_EQ(real_number_fault("inf", 0, kMost), "\"inf\" is not a finite number");
  EXPECT_EQ(real_number_fault("1e39", 0, std::numeric_limits<float>::max()).substr(0, 17), "1e39 is too large");
  EXPECT_EQ(real_number_fault("nan", 0, kMost), "\"nan\" is not a number");
  EXPECT_EQ(real_number_fault("1e400", 0, kMost), "1e400 is out of the range of numbers");
  EXPECT_EQ(parse_real("2.5e-3"), 2.5e-3);
}

}  // namespace
}  // namespace qkv
