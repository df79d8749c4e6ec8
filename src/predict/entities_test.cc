#include "predict/entities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace qkv {
namespace {

using testing::ElementsAre;

// Tokens of one byte each with the probability 0.7 for their label, as "begin-end name" in the result.
std::vector<std::string> spans_of(const std::vector<std::string>& tokens, const std::vector<std::string>& labels) {
  std::vector<TokenScores> scores;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const auto label = static_cast<size_t>(std::find(labels.begin(), labels.end(), tokens[i]) - labels.begin());
    scores.push_back({.bytes = {i, i + 1}, .p = std::vector<double>(labels.size(), 0.1)});
    scores.back().p[label] = 0.7;
  }
  std::vector<std::string> spans;
  for (const TaggedSpan& span : find_spans(scores, labels, Aggregation::simple)) {
    if (span.label != "O") spans.push_back(std::to_string(span.begin) + "-" + std::to_string(span.end) + " " + span.label);
  }
  return spans;
}

TEST(Entities, AnEntityBeginsWhereItsSchemeSaysSo) {
  const std::vector<std::string> iob{"O", "B-A", "I-A", "I-B"}, bioes{"O", "B-A", "I-A", "E-A", "S-A"}, bilou{"O", "B-A", "L-A", "U-A"};
  EXPECT_THAT(spans_of({"B-A", "I-A", "B-A", "O", "I-A", "I-B", "I-A"}, iob), ElementsAre("0-2 A", "2-3 A", "4-5 A", "5-6 B", "6-7 A"));
  EXPECT_THAT(spans_of({"B-A", "I-A", "E-A", "S-A", "I-A", "S-A", "E-A"}, bioes), ElementsAre("0-3 A", "3-4 A", "4-5 A", "5-6 A", "6-7 A"));
  EXPECT_THAT(spans_of({"B-A", "L-A", "B-A", "L-A", "U-A"}, bilou), ElementsAre("0-2 A", "2-4 A", "4-5 A"));
  EXPECT_THAT(spans_of({"A", "A", "B", "O", "A"}, {"O", "A", "B"}), ElementsAre("0-2 A", "2-3 B", "4-5 A")) << "labels without a scheme";
}

TEST(Entities, WithoutASchemeOfEndsAnELabelIsAName) {
  EXPECT_THAT(spans_of({"E-A", "E-A", "S-A"}, {"O", "E-A", "S-A", "other"}), ElementsAre("0-2 E-A", "2-3 S-A"));
}

TEST(Entities, OfOverlappingWindowsTheLongerSpanStays) {
  const std::vector<TaggedSpan> merged =
      merge_windows({{"A", 0.9, 5, 8}, {"B", 0.5, 0, 3}, {"B", 0.4, 5, 9}, {"A", 0.3, 7, 11}, {"C", 0.2, 9, 10}});
  ASSERT_EQ(merged.size(), 3u);
  EXPECT_EQ(merged[0].label, "B");
  EXPECT_EQ(merged[1].end, 9u) << "longer than that of the other window";
  EXPECT_EQ(merged[2].label, "C");
}

}  // namespace
}  // namespace qkv
