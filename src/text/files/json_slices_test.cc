#include "text/files/json_slices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/files/test_files.h"
#include "text/files/tokenizer_json.h"

namespace qkv {
namespace {

using nlohmann::json;

const char* kSmall =
    R"({"version": "1.0", "model": {"type": "BPE", "vocab": {"a": 0, "\u00fc\ud83d\ude00\n": 1, "a\u00fc\ud83d\ude00\n": 3, "\"\\" :2},
  "merges": [["a", "\u00fc\ud83d\ude00\n"]]}})";

// Tokens by id, then the ids that `text` gets.
std::string outcome(std::string_view text, size_t least_slice) {
  try {
    const TokenizerParts parts = parse_tokenizer_json(text, "t.json", least_slice);
    std::string result;
    const Vocabulary& vocabulary = parts.model->vocabulary();
    for (int32_t id = 0; id < vocabulary.size(); ++id) result += vocabulary.token(id) + "|";
    std::vector<int32_t> ids;
    parts.model->tokenize("aü😀\n\"\\", ids, nullptr);
    for (const int32_t id : ids) result += std::to_string(id) + " ";
    return result;
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(JsonSlices, ALargeVocabularyIsReadAsASmallOneIs) {
  for (const char* name : {"gpt2", "prefix", "llama", "suffix", "roberta"}) {
    const json document = golden(std::string("pipelines/") + name + ".json")["tokenizer"];
    for (const bool ascii : {false, true}) {
      for (const int indent : {-1, 2}) {
        const std::string text = document.dump(indent, ' ', ascii);
        ASSERT_TRUE(parse_with_slices(text, "t.json", 0));
        ASSERT_EQ(outcome(text, 0), outcome(text, SIZE_MAX)) << name;
      }
    }
  }
}

TEST(JsonSlices, TheFastWayIsTaken) {
  const auto document = parse_with_slices(kSmall, "t.json", 0);
  ASSERT_TRUE(document);
  EXPECT_TRUE(is_slice((*document)["model"]["vocab"]));
  EXPECT_TRUE(is_slice((*document)["model"]["merges"]));
  const Vocabulary vocabulary = read_vocabulary_slice((*document)["model"]["vocab"]);
  EXPECT_EQ(vocabulary.id("aü😀\n"), 3);
  EXPECT_EQ(read_merges_slice((*document)["model"]["merges"], vocabulary, "").size(), 1u);
  EXPECT_FALSE(parse_with_slices(kSmall, "t.json", 10'000));
}

TEST(JsonSlices, WhatIsNotRightGetsTheSameMessage) {
  const std::pair<const char*, const char*> faults[] = {{"\"a\": 0", "\"a\": -1"},
                                                        {"\"a\": 0", "\"a\": 1"},
                                                        {"\"a\": 0", "\"a\": 0.5"},
                                                        {"\"a\": 0", "\"a\": 00"},
                                                        {"\"a\": 0", "\"a\": 1e0"},
                                                        {"\"a\": 0", "\"a\": 4000000000"},
                                                        {"\"a\": 0", "\"a\": \"0\""},
                                                        {"\"a\": 0", "\"a\": 0, \"a\": 4"},
                                                        {"\"a\": 0", "\"b\": 0"},
                                                        {"\"a\": 0", "\"\": 0"},
                                                        {"\"a\": 0,", "\"a\": 0"},
                                                        {"\"a\": 0", "\"a\\x\": 0"},
                                                        {"ud83d", "udc00"},
                                                        {"\\ude00\\n\": 1", "\": 1"},
                                                        {"[\"a\", \"", "[\"a\", 1, \""},
                                                        {"[[", "[[["},
                                                        {"[\"a\",", "[\"a\""},
                                                        {"\"merges\": [", "\"merges\": ["},
                                                        {"[[\"a\"", "[\"a b\", [\"a\""},
                                                        {"\"vocab\"", "\"vocab\": {}, \"vocab\""},
                                                        {"]]}}", "]]}} x"},
                                                        {"]]}}", "]}}"},
                                                        {"\"a\": 0", "\"a\xFF\": 0"},
                                                        {"\"a\": 0", "\"a\n\": 0"},
                                                        {"\"a\": 0", "\"a\": 0,"},
                                                        {"]]", "],]"},
                                                        {"\"version\"", "version"},
                                                        {"\"a\": 0", "\"a\": 99999999999999999999"}};
  for (const auto& [from, to] : faults) {
    std::string text = kSmall;
    text.replace(text.find(from), std::string_view(from).size(), to);
    EXPECT_EQ(outcome(text, 0), outcome(text, SIZE_MAX)) << from << " -> " << to;
  }
}

TEST(JsonSlices, AMissingByteOrATurnedBitHasTheSameOutcome) {
  const std::string text = kSmall;
  for (size_t i = 0; i < text.size(); ++i) {
    ASSERT_EQ(outcome(text.substr(0, i), 0), outcome(text.substr(0, i), SIZE_MAX)) << i;
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = text;
      damaged[i] = static_cast<char>(damaged[i] ^ 1 << bit);
      ASSERT_EQ(outcome(damaged, 0), outcome(damaged, SIZE_MAX)) << damaged;
    }
  }
}

}  // namespace
}  // namespace qkv
