#include "qkv/tagger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/test_directories.h"
#include "formats/json.h"
#include "qkv/options.h"

namespace qkv {
namespace {

using testing::HasSubstr;

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/heads";

void expect_spans(const std::vector<TaggedSpan>& found, const nlohmann::json& expected, const std::string& where) {
  ASSERT_EQ(found.size(), expected.size()) << where;
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].label, expected[i][0]) << where << ", span " << i;
    EXPECT_NEAR(found[i].score, expected[i][1], 2e-5) << where << ", span " << i;
    EXPECT_EQ(found[i].begin, expected[i][2]) << where << ", span " << i;
    EXPECT_EQ(found[i].end, expected[i][3]) << where << ", span " << i;
  }
}

class TaggerGolden : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Heads, TaggerGolden, testing::Values("tag_word_pieces", "tag_byte_pairs"),
                         [](const auto& info) { return info.param; });

// tools/golden/heads.py wrote the files.
TEST_P(TaggerGolden, SpansAreThoseOfTransformers) {
  const Tagger tagger = Tagger::open(kGoldens / GetParam());
  const nlohmann::json expected = nlohmann::json::parse(read_file(kGoldens / GetParam() / "expected.json"));
  for (const nlohmann::json& run : expected["runs"]) {
    TagOptions options;
    set_option(options, "aggregation", run["aggregation"]);
    if (!run["stride"].is_null()) options.stride = run["stride"];
    std::vector<std::string> texts;
    std::vector<nlohmann::json> spans;
    for (size_t i = 0; i < run["spans"].size(); ++i) {
      if (run["spans"][i].is_null()) continue;
      texts.push_back(expected["texts"][i]);
      spans.push_back(run["spans"][i]);
    }
    const auto found = tagger.tag(texts, options);
    for (size_t i = 0; i < texts.size(); ++i) expect_spans(found[i], spans[i], run["aggregation"].dump() + ": " + texts[i]);
    options.batch_tokens = 1;
    const auto alone = tagger.tag(texts, options);
    for (size_t i = 0; i < texts.size(); ++i) {
      ASSERT_EQ(alone[i].size(), found[i].size());
      for (size_t j = 0; j < found[i].size(); ++j) EXPECT_EQ(alone[i][j].score, found[i][j].score) << "a text alone is that among others";
    }
  }
}

TEST(Tagger, OutsideAndLongTexts) {
  const Tagger tagger = Tagger::open(kGoldens / "tag_word_pieces");
  EXPECT_EQ(tagger.labels().front(), "O");
  EXPECT_EQ(tagger.max_tokens(), 24);
  std::string text;
  for (int i = 0; i < 100; ++i) text += "john smith \xff is old . ";
  const auto tokens = tagger.tag(std::vector{text}, {.aggregation = Aggregation::none, .outside = true})[0];
  ASSERT_EQ(tokens.size(), 500u) << "each token of the windows once; the bad byte is none";
  EXPECT_EQ(tokens.back().begin, text.size() - 2);
  EXPECT_EQ(text.substr(tokens[2].begin, tokens[2].end - tokens[2].begin), "is");
  EXPECT_TRUE(tagger.tag({}).empty());
}

TEST(Tagger, WrongUseIsOneLine) {
  const Tagger tagger = Tagger::open(kGoldens / "tag_word_pieces");
  const std::vector<std::string> texts{"john"};
  EXPECT_THAT(error_of([&] { tagger.tag(texts, {.stride = 22}); }, ErrorCode::invalid_argument),
              HasSubstr("stride 22: a window has room for 22 tokens of a text, so it must be 0 to 21"));
  EXPECT_THAT(error_of([&] { tagger.tag(texts, {.batch_tokens = 0}); }, ErrorCode::invalid_argument), HasSubstr("batch_tokens"));
  const TemporaryDirectory directory;
  write_encoder(directory / "masked", Head::masked_lm);
  EXPECT_THAT(error_of([&] { Tagger::open(directory / "masked"); }, ErrorCode::unsupported), HasSubstr("labels no tokens; it fills in"));
}

}  // namespace
}  // namespace qkv
