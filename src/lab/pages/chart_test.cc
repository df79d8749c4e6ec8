#include "lab/pages/chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qkv::lab {
namespace {

using testing::HasSubstr;

PageRecords two_seeds() {
  std::vector<Record> all;
  for (int seed = 1; seed <= 2; ++seed) {
    Record record{.experiment = "e", .arm = "a", .seed = seed};
    record.outcome.values["v"] = seed;
    record.outcome.series["s"] = {{1, 10.0 * seed}, {2, 100.0 * seed}};
    all.push_back(record);
  }
  return {{"e", Records(all)}};
}

PageText labels() { return parse_page("# t\n## labels\ntitle: T < U\nx: X\ny: Y\narm a: the arm\nchance: chance", "labels"); }

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(Chart, RowsHaveADotForEachSeedAndTheirMean) {
  const ChartSpec chart{.experiment = "e", .value = "v", .arms = {"a"}, .levels = {{0.5, "chance"}}};
  const std::string svg = chart_svg(chart, two_seeds(), labels(), Language::en, "id");
  EXPECT_EQ(count_of(svg, "<circle"), 2u);
  EXPECT_THAT(svg, HasSubstr(">1.50</text>"));
  EXPECT_THAT(svg, HasSubstr("T &lt; U"));
  EXPECT_THAT(svg, HasSubstr("class=\"level\""));
  EXPECT_THAT(svg, HasSubstr("aria-labelledby=\"id-title id-summary\""));
}

TEST(Chart, AnAxisThatDoesNotBeginAtZeroSaysSo) {
  ChartSpec chart{.experiment = "e", .value = "v", .arms = {"a"}};
  EXPECT_THAT(chart_svg(chart, two_seeds(), labels(), Language::en, "id"), HasSubstr("The axis begins at"));
  chart.low = 0;
  EXPECT_THAT(chart_svg(chart, two_seeds(), labels(), Language::en, "id"), testing::Not(HasSubstr("The axis begins at")));
}

TEST(Chart, LinesAreMeansOverSeeds) {
  const ChartSpec chart{.kind = ChartSpec::Kind::lines, .experiment = "e", .value = "s", .arms = {"a"}, .log_x = true};
  EXPECT_THAT(chart_svg(chart, two_seeds(), labels(), Language::en, "id"), HasSubstr("the arm: 2 → 150.00"));
}

TEST(Chart, WithoutItsRecordsThereIsNone) {
  EXPECT_EQ(chart_svg({.experiment = "none", .value = "v", .arms = {"a"}}, two_seeds(), labels(), Language::en, "id"), "");
}

}  // namespace
}  // namespace qkv::lab
