#include "qkv/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "text/files/test_files.h"
#include "text/files/tokenizer_parts.h"

namespace qkv {
namespace {

using testing::HasSubstr;
using Ids = std::vector<int32_t>;

Tokenizer golden_tokenizer(const std::string& pipeline) {
  return TokenizerAccess::from_json(golden("pipelines/" + pipeline + ".json")["tokenizer"].dump(), "", pipeline);
}

class Pipeline : public testing::TestWithParam<const char*> {};

TEST_P(Pipeline, EncodesAndDecodesAsTokenizersDoes) {
  const nlohmann::json expected = golden(std::string("pipelines/") + GetParam() + ".json");
  const nlohmann::json texts = golden("texts.json");
  const Tokenizer tokenizer = golden_tokenizer(GetParam());
  ASSERT_EQ(texts.size(), expected["ids"].size());
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string text = texts[i];
    const Ids ids = expected["ids"][i];
    EXPECT_EQ(tokenizer.encode(text), ids) << texts[i];
    EXPECT_EQ(tokenizer.encode(text, false), expected["ids_without_special_tokens"][i].get<Ids>()) << texts[i];
    EXPECT_EQ(tokenizer.decode(ids), expected["decoded"][i]) << texts[i];
    EXPECT_EQ(tokenizer.decode(ids, false), expected["decoded_with_special_tokens"][i]) << texts[i];
  }
}

INSTANTIATE_TEST_SUITE_P(All, Pipeline,
                         testing::Values("qkv", "llama", "gpt2", "roberta", "metaspace_first", "metaspace_never", "lowercase", "words",
                                         "suffix", "prefix", "split", "byte_pairs", "bytes", "characters"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Tokenizer, InvalidUtf8IsReadAsReplacementCharacters) {
  const Tokenizer tokenizer = golden_tokenizer("gpt2");
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("a\xFF\xE4\xB8")), "a\uFFFD\uFFFD");
}

TEST(Tokenizer, IdsAndTokensBelongTogether) {
  const Tokenizer tokenizer = golden_tokenizer("roberta");
  EXPECT_EQ(tokenizer.token_to_id("</s>"), 0);
  EXPECT_EQ(tokenizer.token_to_id("<mask>"), tokenizer.vocab_size() - 2);  // of the added tokens only "Added" comes behind it
  EXPECT_EQ(tokenizer.token_to_id("no such token"), -1);
  EXPECT_TRUE(tokenizer.is_special(0));
  EXPECT_FALSE(tokenizer.is_special(tokenizer.token_to_id("[NEW]")));
  EXPECT_FALSE(tokenizer.is_special(-1));
  EXPECT_FALSE(tokenizer.is_special(tokenizer.vocab_size()));
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) EXPECT_EQ(tokenizer.token_to_id(tokenizer.id_to_token(id)), id);
}

TEST(Tokenizer, IdsOutOfRangeAreErrors) {
  const Tokenizer tokenizer = golden_tokenizer("qkv");
  ErrorCode code{};
  const std::string message = error_of([&] { tokenizer.decode(Ids{1, 2, 400}); }, &code);
  EXPECT_EQ(message, "there is no token of id 400: the tokenizer's ids are 0 to 399");
  EXPECT_EQ(code, ErrorCode::invalid_argument);
  EXPECT_THAT(error_of([&] { tokenizer.decode(Ids{-1}); }), HasSubstr("no token of id -1"));
  EXPECT_THAT(error_of([&] { tokenizer.id_to_token(INT32_MAX); }), HasSubstr("no token of id 2147483647"));
}

TEST(Tokenizer, WhatWasLoadedIsSavedUnchanged) {
  const TemporaryDirectory directory;
  const std::string json = golden("pipelines/llama.json")["tokenizer"].dump(1);
  const std::filesystem::path file = directory.write("tokenizer.json", json);
  const Tokenizer without_config = Tokenizer::load(file);
  directory.write("tokenizer_config.json", R"({"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 77})");
  const Tokenizer with_config = Tokenizer::load(directory.path());
  with_config.save(directory.path() / "a" / "b");
  EXPECT_EQ(read_file(directory.path() / "a" / "b" / "tokenizer.json"), json);
  EXPECT_THAT(read_file(directory.path() / "a" / "b" / "tokenizer_config.json"), HasSubstr("\"model_max_length\": 77"));

  without_config.save(directory.path() / "c");
  const auto config = nlohmann::json::parse(read_file(directory.path() / "c" / "tokenizer_config.json"));
  EXPECT_EQ(config, nlohmann::json::parse(R"({"clean_up_tokenization_spaces": false, "eos_token": "</s>", "unk_token": "<unk>",
                                              "pad_token": "<pad>", "tokenizer_class": "PreTrainedTokenizerFast"})"));
}

TEST(Tokenizer, MissingFilesAreNamed) {
  const TemporaryDirectory directory;
  ErrorCode code{};
  EXPECT_THAT(error_of([&] { Tokenizer::load(directory.path()); }, &code),
              HasSubstr(directory.path().string() + " holds no tokenizer.json"));
  EXPECT_EQ(code, ErrorCode::io);
  EXPECT_THAT(error_of([&] { Tokenizer::load(directory.path() / "none"); }, &code), HasSubstr((directory.path() / "none").string()));
  EXPECT_EQ(code, ErrorCode::io);
}

TEST(Tokenizer, ManyThreadsEncodeWithOne) {
  const Tokenizer tokenizer = golden_tokenizer("lowercase");
  const nlohmann::json expected = golden("pipelines/lowercase.json")["ids"];
  const std::vector<std::string> texts = golden("texts.json");
  const std::vector<Ids> ids = expected;
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (size_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (size_t i = 0; i < texts.size(); ++i) {
        const size_t at = (i + thread * 31) % texts.size();
        wrong += tokenizer.encode(texts[at]) != ids[at];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Tokenizer, ALineOfMillionsOfCharactersWithoutASpaceIsEncoded) {
  const Tokenizer tokenizer = golden_tokenizer("qkv");
  std::string line;
  for (int i = 0; i < 400'000; ++i) line += i % 3 == 0 ? "mann" : i % 3 == 1 ? "woman" : "große";
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(line)), line);
}

TEST(Tokenizer, BatchesAreTheirTexts) {
  const Tokenizer tokenizer = golden_tokenizer("gpt2");
  const std::vector<std::string> texts = golden("texts.json");
  std::vector<std::string_view> views;
  for (int i = 0; i < 20; ++i) views.insert(views.end(), texts.begin(), texts.end());
  for (const bool special : {false, true}) {
    const std::vector<Ids> batch = tokenizer.encode_batch(views, special);
    ASSERT_EQ(batch.size(), views.size());
    for (size_t i = 0; i < views.size(); ++i) EXPECT_EQ(batch[i], tokenizer.encode(views[i], special));
  }
  EXPECT_TRUE(tokenizer.encode_batch({}).empty());
}

TEST(Tokenizer, SampledSegmentationsDependOnTheSeedAndSpellTheText) {
  for (const char* name : {"gpt2", "t5"}) {
    const Tokenizer tokenizer = golden_tokenizer(name);
    const std::string text = "the quick brown fox jumps over the lazy dog";
    const SubwordSampling how{.dropout = 0.5, .alpha = 0.1};
    std::set<Ids> different;
    for (uint64_t seed = 0; seed < 20; ++seed) {
      const Ids ids = tokenizer.encode_sampled(text, how, seed);
      EXPECT_EQ(ids, tokenizer.encode_sampled(text, how, seed));
      EXPECT_EQ(tokenizer.decode(ids), tokenizer.decode(tokenizer.encode(text)));
      different.insert(ids);
    }
    EXPECT_GT(different.size(), 5u) << name;
    EXPECT_EQ(tokenizer.encode_sampled(text, {.dropout = 0, .alpha = 1e5}, 3), tokenizer.encode(text)) << name;
    EXPECT_THAT(error_of([&] { tokenizer.encode_sampled(text, {.dropout = 2, .alpha = -1}, 1); }), HasSubstr("must be between 0 and 1"));
  }
}

}  // namespace
}  // namespace qkv
