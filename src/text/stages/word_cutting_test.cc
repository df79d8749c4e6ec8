#include "text/stages/word_cutting.h"

#include <gtest/gtest.h>

#include "base/philox.h"
#include "formats/base64.h"
#include "text/files/sentencepiece_directory.h"
#include "text/files/test_files.h"
#include "text/files/tiktoken_file.h"
#include "text/files/tokenizer_files.h"
#include "text/files/tokenizer_parts.h"

namespace qkv {
namespace {

class CutPipeline : public testing::TestWithParam<std::string> {};

std::vector<std::string> pipelines() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(golden_path("pipelines"))) names.push_back(entry.path().stem());
  return names;
}

// Texts of what stages change around spaces. With offsets, the whole text goes through each stage.
void expect_ids_of_whole_texts(const Tokenizer& tokenizer, const std::string& name) {
  constexpr const char* kUnits[] = {" ",      " ",      " ",      "  ",     "\t",     "\n",     "\r\n",   "\u00a0", "\u3000",  "\u200b",
                                    "\u0301", "\u0600", "\u00a8", "\x01",   "\u4f60", "\u00e9", "word",   "don't",  "'ll",     "12345",
                                    "...",    "(",      "\u0130", "\ufffd", "\u2581", "\u00ad", "\u1100", "\u1161", "\u0345x", "<s>",
                                    "[NEW]",  "Added",  "\u202f", "/",      "Mann",   "\u01c5", "\u0660"};
  RandomStream random(7);
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (uint64_t count = 1 + random.below(12); count > 0; --count) text += kUnits[random.below(std::size(kUnits))];
    ASSERT_EQ(tokenizer.encode(text), tokenizer.encode_with_offsets(text).ids) << name << ": " << nlohmann::json(text).dump(-1, ' ', true);
  }
}

nlohmann::json file_golden(const std::string& name) {
  return nlohmann::json::parse(read_file(std::filesystem::path(QKV_SOURCE_DIR) / "tests" / "goldens" / "tokenizer_files" / name));
}

TEST_P(CutPipeline, GivesTheIdsOfTheWholeText) {
  expect_ids_of_whole_texts(TokenizerAccess::from_json(golden("pipelines/" + GetParam() + ".json")["tokenizer"].dump(), "", GetParam()),
                            GetParam());
}

TEST(WordCutting, GivesTheIdsOfTheWholeTextForEveryPatternOfTiktoken) {
  const std::string ranks = file_golden("tiktoken.json")["ranks"];
  for (const char* name : {"gpt2", "cl100k_base", "o200k_base", "qwen", "qwen3.5", "llama3", "kimi_k2"}) {
    expect_ids_of_whole_texts(TokenizerAccess::from_files(files_of(read_tiktoken(ranks, {}, "a.tiktoken", name), "", name)), name);
  }
}

TEST(WordCutting, GivesTheIdsOfTheWholeTextForEveryKindOfSentencePieceModel) {
  const nlohmann::json models = file_golden("sentencepiece.json")["models"];
  for (const auto& [name, model] : models.items()) {
    const std::string file = *from_base64(model["model"].get<std::string>());
    expect_ids_of_whole_texts(TokenizerAccess::from_json(sentencepiece_json_of(file, {}, name), "", name), name);
  }
}

INSTANTIATE_TEST_SUITE_P(All, CutPipeline, testing::ValuesIn(pipelines()), [](const auto& info) { return info.param; });

TEST(WordCutting, CutsBeforeASpaceThatFollowsNoWhiteSpace) {
  std::vector<std::string> words;
  for_each_word(WordCuts::spaces, " a  b\t c\u3000 d e ", [&](std::string_view word) { words.emplace_back(word); });
  EXPECT_EQ(words, (std::vector<std::string>{" a", "  b\t c\u3000 d", " e", " "}));
}

}  // namespace
}  // namespace qkv
