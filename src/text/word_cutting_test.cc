#include "text/word_cutting.h"

#include <gtest/gtest.h>

#include "base/philox.h"
#include "text/test_files.h"
#include "text/tokenizer_parts.h"

namespace qkv {
namespace {

class WordCutting : public testing::TestWithParam<std::string> {};

std::vector<std::string> pipelines() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(golden_path("pipelines"))) names.push_back(entry.path().stem());
  return names;
}

// Texts of what stages change around spaces. With offsets, the whole text goes through each stage.
TEST_P(WordCutting, GivesTheIdsOfTheWholeText) {
  const Tokenizer tokenizer = TokenizerAccess::from_json(golden("pipelines/" + GetParam() + ".json")["tokenizer"].dump(), "", GetParam());
  constexpr const char* kUnits[] = {" ",      " ",       " ",      "  ",     "\t",     "\n",     "\r\n",   "\u00a0", "\u3000",
                                    "\u200b", "\u0301",  "\u0600", "\u00a8", "\x01",   "\u4f60", "\u00e9", "word",   "don't",
                                    "'ll",    "12345",   "...",    "(",      "\u0130", "\ufffd", "\u2581", "\u00ad", "\u1100",
                                    "\u1161", "\u0345x", "<s>",    "[NEW]",  "Added",  "\u202f"};
  RandomStream random(7);
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (uint64_t count = 1 + random.below(12); count > 0; --count) text += kUnits[random.below(std::size(kUnits))];
    ASSERT_EQ(tokenizer.encode(text), tokenizer.encode_with_offsets(text).ids) << nlohmann::json(text).dump(-1, ' ', true);
  }
}

INSTANTIATE_TEST_SUITE_P(All, WordCutting, testing::ValuesIn(pipelines()), [](const auto& info) { return info.param; });

TEST(WordCutting, CutsBeforeASpaceThatFollowsNoWhiteSpace) {
  std::vector<std::string> words;
  for_each_word(WordCuts::spaces, " a  b\t c\u3000 d e ", [&](std::string_view word) { words.emplace_back(word); });
  EXPECT_EQ(words, (std::vector<std::string>{" a", "  b\t c\u3000 d", " e", " "}));
}

}  // namespace
}  // namespace qkv
