#include "qkv/mask_filler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/test_directories.h"
#include "formats/json.h"

namespace qkv {
namespace {

using testing::HasSubstr;

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/heads";

class MaskFillerGolden : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Heads, MaskFillerGolden, testing::Values("fill_word_pieces", "fill_byte_pairs"),
                         [](const auto& info) { return info.param; });

// tools/golden/heads.py wrote the files.
TEST_P(MaskFillerGolden, TokensAreThoseOfTransformers) {
  const MaskFiller filler = MaskFiller::open(kGoldens / GetParam());
  const nlohmann::json expected = nlohmann::json::parse(read_file(kGoldens / GetParam() / "expected.json"));
  const std::vector<std::string> texts = expected["texts"];
  for (const nlohmann::json& run : expected["runs"]) {
    FillMaskOptions options{.top_k = run["top_k"]};
    if (!run["targets"].is_null()) options.targets = run["targets"];
    const std::vector<FilledText> found = filler.fill(texts, options);
    for (size_t i = 0; i < texts.size(); ++i) {
      ASSERT_EQ(found[i].masks.size(), run["masks"][i].size()) << texts[i];
      for (size_t mask = 0; mask < found[i].masks.size(); ++mask) {
        const nlohmann::json& candidates = run["masks"][i][mask];
        ASSERT_EQ(found[i].masks[mask].size(), candidates.size()) << texts[i];
        for (size_t j = 0; j < candidates.size(); ++j) {
          EXPECT_NEAR(found[i].masks[mask][j].score, candidates[j][0], 1e-5) << texts[i];
          EXPECT_EQ(found[i].masks[mask][j].token, candidates[j][1]) << texts[i];
          EXPECT_EQ(found[i].masks[mask][j].text, candidates[j][2]) << texts[i];
          EXPECT_EQ(found[i].masks[mask][j].sequence, candidates[j][3]) << texts[i];
        }
      }
    }
  }
}

TEST(MaskFiller, TextsWithoutMasksAndLongOnes) {
  const MaskFiller filler = MaskFiller::open(kGoldens / "fill_word_pieces");
  EXPECT_EQ(filler.mask(), "[MASK]");
  std::string words;
  for (int i = 0; i < 40; ++i) words += "boat ";
  const std::vector<FilledText> found = filler.fill(std::vector<std::string>{"", "a boat", "[MASK] " + words, words + "[MASK]"});
  EXPECT_TRUE(found[0].masks.empty() && found[1].masks.empty() && !found[1].cut);
  EXPECT_TRUE(found[2].masks.size() == 1 && found[2].cut);
  EXPECT_TRUE(found[3].masks.empty() && found[3].cut) << "the mask lies behind the cut";
}

TEST(MaskFiller, WrongUseIsOneLine) {
  const MaskFiller filler = MaskFiller::open(kGoldens / "fill_word_pieces");
  const std::vector<std::string> texts{"[MASK]"};
  EXPECT_THAT(error_of([&] { filler.fill(texts, {.top_k = 0}); }, ErrorCode::invalid_argument), HasSubstr("top_k"));
  EXPECT_THAT(error_of([&] { filler.fill(texts, {.targets = {" "}}); }, ErrorCode::invalid_argument), HasSubstr("\" \" has no token"));
  const TemporaryDirectory directory;
  write_encoder(directory / "classifier", Head::classification);
  EXPECT_THAT(error_of([&] { MaskFiller::open(directory / "classifier"); }, ErrorCode::unsupported), HasSubstr("fills in no masks"));
}

}  // namespace
}  // namespace qkv
