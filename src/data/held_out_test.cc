#include "data/held_out.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/temporary_directory.h"

namespace qkv {
namespace {

using testing::HasSubstr;

class HeldOut : public testing::Test {
 protected:
  // Each third source occurs twice, with different targets.
  HeldOut() {
    for (int i = 0; i < 900; ++i) texts_.push_back(fmt::format("source {}", i % 3 == 0 ? i / 6 * 6 : i));
  }
  HeldOutPairs split(const std::vector<std::string>& texts, int64_t count, uint64_t seed = 1) {
    std::string source, target;
    for (size_t i = 0; i < texts.size(); ++i) {
      source += texts[i] + "\n";
      target += "target of " + texts[i] + "\n";
    }
    return hold_out_pairs({directory_.write("source", source), directory_.write("target", target)}, count, seed, {});
  }
  static std::set<std::string> set_of(const TextSource& source) {
    const std::vector<std::string> lines = lines_of(source);
    return {lines.begin(), lines.end()};
  }

  TemporaryDirectory directory_;
  std::vector<std::string> texts_;
};

TEST_F(HeldOut, PartsAreDisjointCompleteAndStillPairs) {
  const HeldOutPairs parts = split(texts_, 100);
  const std::vector<std::string> training = lines_of(parts.training.source), validation = lines_of(parts.validation.source);
  EXPECT_EQ(validation.size(), 100u);
  EXPECT_EQ(training.size() + validation.size(), texts_.size());
  for (const std::string& text : validation) {
    EXPECT_EQ(std::count(texts_.begin(), texts_.end(), text), 1) << "what occurs several times is trained on";
    EXPECT_EQ(std::count(training.begin(), training.end(), text), 0);
  }
  for (const PairSources& pairs : {parts.training, parts.validation}) {
    const std::vector<std::string> sources = lines_of(pairs.source), targets = lines_of(pairs.target);
    ASSERT_EQ(sources.size(), targets.size());
    for (size_t i = 0; i < sources.size(); ++i) EXPECT_EQ(targets[i], "target of " + sources[i]);
  }
}

TEST_F(HeldOut, ContentAndSeedAloneDecide) {
  const std::set<std::string> chosen = set_of(split(texts_, 50).validation.source);
  std::vector<std::string> reversed(texts_.rbegin(), texts_.rend());
  EXPECT_EQ(set_of(split(reversed, 50).validation.source), chosen);
  EXPECT_NE(set_of(split(texts_, 50, 2).validation.source), chosen);
  const std::set<std::string> more = set_of(split(texts_, 60).validation.source);
  EXPECT_TRUE(std::includes(more.begin(), more.end(), chosen.begin(), chosen.end()));
}

TEST_F(HeldOut, ManyCopiesDoNotHideTheRareTexts) {
  std::vector<std::string> texts;
  for (int i = 0; i < 20000; ++i) texts.push_back(fmt::format("twice {}", i / 2));
  for (int i = 0; i < 3; ++i) texts.push_back(fmt::format("once {}", i));
  EXPECT_EQ(set_of(split(texts, 3).validation.source), (std::set<std::string>{"once 0", "once 1", "once 2"}));
}

TEST_F(HeldOut, TooFewTextsAndBadLinesAreNamed) {
  const auto message = [&](const std::vector<std::string>& texts, int64_t count) {
    try {
      split(texts, count);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_input);
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(message({"a", "b", "b", " "}, 2), HasSubstr("source: 2 texts are to be held out to validate on, but only 1 occur once"));
  EXPECT_THAT(message({"a", "b"}, 2), HasSubstr("something must be left to train on"));
  EXPECT_THAT(message({"a", "b\xff", "c"}, 1), HasSubstr("source:2: invalid UTF-8"));
}

TEST_F(HeldOut, LabelledTextsKeepTheirLabelsAndPlaces) {
  std::string lines;
  for (size_t i = 0; i < texts_.size(); ++i) lines += fmt::format("{}\tlabel {}\n", texts_[i], i % 5);
  const HeldOutTexts parts = hold_out_texts(read_labelled_lines(directory_.write("lines", lines)), 30, 1);
  EXPECT_EQ(parts.validation.texts.size(), 30u);
  EXPECT_EQ(parts.training.texts.size(), texts_.size() - 30);
  for (size_t i = 0; i < 30; ++i) {
    const auto line = static_cast<size_t>(parts.validation.place(i).line) - 1;
    EXPECT_EQ(parts.validation.texts[i], texts_[line]);
    EXPECT_EQ(parts.validation.labels[i], fmt::format("label {}", line % 5));
  }
}

}  // namespace
}  // namespace qkv
